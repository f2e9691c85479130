"""What can infosec do in the account afterwards, and what could it before? In words, from the exact template.

Each line of words names the statement of the template that it tells of, and shows its actions: a right that
is added to the template without words fails a test.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onboarding.blueprint import build_blueprint
from onboarding.company import Company
from onboarding.observed import AccountSurvey, Role

_READ_EVERYTHING = "ReadOnlyAccess"
_READ_CONFIGURATION = "SecurityAudit"

# By the statement's name in the template. The tone says what sort it is: reading, acting, or a limit.
_WORDS: dict[str, tuple[str, str | Promise]] = {
    "VerifyOnboarding": (
        "idle",
        gettext_lazy("See whether the regions, trails, stacks and roles of this onboarding are as agreed."),
    ),
    "StopAndIsolateInstances": (
        "ask",
        gettext_lazy("Stop a virtual machine, cut it off from the network, and take its role away."),
    ),
    "PreserveEvidence": (
        "ask",
        gettext_lazy(
            "Keep evidence: copy disks as snapshots in your account, read consoles and the history."
        ),
    ),
    "SwitchOffKeysAndPasswords": (
        "ask",
        gettext_lazy("Switch off access keys, and delete console passwords."),
    ),
    "DenyAPersonOrRoleEverything": (
        "ask",
        gettext_lazy(
            "Attach AWS’s policy that denies everything to a user or a role. It can attach no other."
        ),
    ),
    "CloseWhatIsOpen": (
        "ask",
        gettext_lazy("Close public buckets, stop a function from running, and start a trail’s logging."),
    ),
    "NeverBlindTheRecord": (
        "good",
        gettext_lazy("Never: stop, delete or redirect CloudTrail. This is denied whatever else is allowed."),
    ),
}


@dataclass(frozen=True, slots=True)
class RightInWords:
    words: str | Promise
    tone: str
    # The exact actions, or the managed policy, that the words tell of.
    exactly: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleInWords:
    title: str
    # Who may assume it, and nobody else.
    principal_arn: str
    summary: str
    rights: tuple[RightInWords, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the difference: "ends", "new" or "stays"."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Afterwards:
    roles: tuple[RoleInWords, ...]
    changes: tuple[Change, ...]
    # The template of both roles, word for word.
    template: str


def afterwards_of(
    company: Company, survey: AccountSurvey | None, *, removed_roles: frozenset[str], deploys_roles: bool
) -> Afterwards:
    """`removed_roles`: the names of roles that the plan deletes; `deploys_roles`: it makes ours."""
    old = survey.old_roles or () if survey else ()
    return Afterwards(
        roles=roles_in_words(company),
        changes=tuple(_changes(company, old, removed_roles, deploys_roles=deploys_roles)),
        template=build_blueprint(company).roles.template.body,
    )


def roles_in_words(company: Company) -> tuple[RoleInWords, ...]:
    """Both roles of the company's template."""
    actions = statements(build_blueprint(company).roles.template.body)
    audit = RightInWords(
        _("Read how the account is set up: who may do what, what is open to the world, what is switched on."),
        "idle",
        (f"arn:aws:iam::aws:policy/{_READ_CONFIGURATION}",),
    )
    never = RightInWords(
        _("Never: read what is in your buckets and databases, or change anything."), "good", ()
    )
    managed = tuple(_managed(arn) for arn in company.roles.incident_response_policy_arns)
    return (
        RoleInWords(
            _("Security audit"),
            company.roles.security_audit_principal_arn,
            _("Looks at the account from time to time. It reads settings and changes nothing."),
            (audit, *_in_words(actions, "VerifyOnboarding"), never),
        ),
        RoleInWords(
            _("Incident response"),
            company.roles.incident_response_principal_arn,
            _(
                "Powerful, and meant for the day when somebody has broken in. It can stop what runs and lock "
                "people out at once, without asking you first."
            ),
            (*managed, *_in_words(actions, *(name for name in _WORDS if name != "VerifyOnboarding"))),
        ),
    )


def _managed(arn: str) -> RightInWords:
    name = arn.rpartition("/")[2]
    if name == _READ_EVERYTHING:
        words = _(
            "Read everything, the content of buckets and tables included: an incident is mostly reading."
        )
    else:
        words = _("All that the managed policy %(name)s allows.") % {"name": name}
    return RightInWords(words, "ask", (arn,))


def _in_words(actions: Mapping[str, tuple[str, ...]], *names: str) -> Iterator[RightInWords]:
    for name in names:
        tone, words = _WORDS[name]
        yield RightInWords(words, tone, actions.get(name, ()))


def statements(template: str) -> Mapping[str, tuple[str, ...]]:
    """The actions that the template allows or denies, by the name of the statement, or of its policy."""
    found: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in template.splitlines():
        if named := re.match(r"\s*- (?:Sid|PolicyName): (\w+)", line):
            name = named[1]
        elif action := re.fullmatch(r"\s*- ([a-z0-9]+:[A-Za-z*]+)", line):
            found[name] = (*found.get(name, ()), action[1])
    return found


def _changes(
    company: Company, old: tuple[Role, ...], removed_roles: frozenset[str], *, deploys_roles: bool
) -> Iterator[Change]:
    new = {
        _READ_CONFIGURATION,
        *(arn.rpartition("/")[2] for arn in company.roles.incident_response_policy_arns),
    }
    had: set[str] = set()
    for role in old:
        policies = [arn.rpartition("/")[2] for arn in role.attached_policy_arns]
        if role.name in removed_roles:
            had |= set(policies)
            yield Change("ends", _used(role, policies, _("%(trusted)s could use %(role)s.")))
        else:
            yield Change("stays", _used(role, policies, _("%(trusted)s can still use %(role)s.")))
    kind = "new" if deploys_roles else "stays"
    principals = {
        "audit": company.roles.security_audit_principal_arn,
        "response": company.roles.incident_response_principal_arn,
    }
    yield Change(kind, _("%(audit)s, and nobody else, can use the security audit role.") % principals)
    yield Change(kind, _("%(response)s, and nobody else, can use the incident response role.") % principals)
    for name in sorted(new & had):
        yield Change(
            "stays",
            _("The rights of AWS’s policy %(name)s, now for whoever is named above.") % {"name": name},
        )
    for name in sorted(new - had):
        yield Change(kind, _("The rights of AWS’s policy %(name)s.") % {"name": name})
    yield Change(kind, _("The right to contain an incident, as listed above."))


def _used(role: Role, policies: list[str], sentence: str) -> str:
    """Its policies are told where the survey read them: none read doesn't mean that it has none."""
    told = sentence % {"trusted": ", ".join(role.trusted_principals), "role": role.name}
    names = [*policies, *role.inline_policy_names]
    return f"{told} {_('Its policies:')} {', '.join(names)}." if names else told
