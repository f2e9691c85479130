"""What is the owner asked, in words?

Each option says what happens, what it costs, and what can be taken back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from onboarding.planning import Group, Question, grouped
from onboarding.planning.questions import EXTRA_COPY_USD_PER_100_000_EVENTS
from onboarding.progress.places import named_region


@dataclass(frozen=True, slots=True)
class OptionWords:
    """One answer. `value` is what is stored; the sentences say what follows from it."""

    value: str
    label: str
    happens: str
    cost: str
    back: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class CaseWords:
    """One thing that a question is about."""

    key: str
    region: str
    name: str
    # What belongs to it, line by line: resources, policies, an id.
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupWords:
    key: str
    code: str
    title: str
    found: str
    cases: tuple[CaseWords, ...]
    options: tuple[OptionWords, ...]

    @property
    def safe(self) -> str:
        return self.options[0].value


def words_of(questions: tuple[Question, ...]) -> tuple[GroupWords, ...]:
    """The questions as they stand on the page, what can be answered alike asked once."""
    return tuple(_group_words(group) for group in grouped(questions))


def _group_words(group: Group) -> GroupWords:
    words = _WORDS.get(group.code)
    title, found = words() if words else (group.code.replace("_", " "), "")
    return GroupWords(
        key=group.key,
        code=group.code,
        title=title,
        found=found,
        cases=tuple(_case_words(question) for question in group.questions),
        options=tuple(option_words(group.code, option) for option in group.options),
    )


def _case_words(question: Question) -> CaseWords:
    fields = question.fields
    return CaseWords(
        key=question.key,
        region=named_region(question.region),
        name=str(fields.get("role") or fields.get("stack") or fields.get("trail") or ""),
        details=tuple(_details(question.code, fields)),
    )


def _details(code: str, fields: Mapping[str, Any]) -> list[str]:
    lines = [f"{kind} {name}" for kind, name in fields.get("resources", ())]
    lines += [_("Policy %(name)s") % {"name": name} for name in fields.get("policies", ())]
    lines += [_("Inline policy %(name)s") % {"name": name} for name in fields.get("inline_policies", ())]
    lines += [_("Instance profile %(name)s") % {"name": name} for name in fields.get("instance_profiles", ())]
    if fields.get("status"):
        lines.append(str(fields["status"]))
    lines += [f"{named_region(region)}: {each}" for region, each in fields.get("stacks", {}).items()]
    lines += [
        _("%(name)s delivers to %(bucket)s") % {"name": name, "bucket": bucket}
        for name, bucket in (fields.get("trails") or {}).items()
    ]
    if fields.get("owning_stack"):
        lines.append(_("Made by your stack %(stack)s") % {"stack": fields["owning_stack"]})
    if len(fields.get("regions", ())) > 1:
        lines.append(_("Records %(count)s regions") % {"count": len(fields["regions"])})
    if code in {"organization_trail", "own_trail"}:
        lines.append(_("Delivers to %(bucket)s") % {"bucket": fields.get("bucket") or "?"})
    if fields.get("stack_id"):
        lines.append(str(fields["stack_id"]))
    return lines


def option_words(code: str, option: str) -> OptionWords:
    """The words of one option; "use:us-east-1" is worded as "use", with what follows the colon filled in."""
    verb, _colon, rest = option.partition(":")
    make = _OPTIONS.get((code, verb))
    names = {"rest": named_region(rest), "cost": EXTRA_COPY_USD_PER_100_000_EVENTS}
    label, happens, cost, back = make() if make else (option, "", "", "")
    is_final = (code, verb) in _FINAL
    return OptionWords(option, label % names, happens % names, cost % names, back % names, is_final)


_FREE = ""

# What can't be taken back.
_FINAL = {
    ("old_stack_extras", "remove"),
    ("old_stack_protected", "lift"),
    ("old_role_attachments", "detach"),
    ("name_blocked", "delete"),
    ("too_many_trails", "free"),
}

_WORDS: dict[str, Callable[[], tuple[str, str]]] = {
    "old_stack_extras": lambda: (
        _("May the portal delete the old stack with what else is in it?"),
        _("Beside the old audit role it holds resources that somebody added:"),
    ),
    "old_stack_protected": lambda: (
        _("May the portal lift the old stack’s termination protection?"),
        _("The old audit stack is protected, so that AWS refuses to delete it:"),
    ),
    "old_role_attachments": lambda: (
        _("May the portal take off what was attached to the old role by hand?"),
        _("AWS deletes no role while this hangs on it, and its stack did not attach it:"),
    ),
    "name_blocked": lambda: (
        _("May the portal delete what holds our stack’s name?"),
        _("A failed attempt, or a change set that was never executed. It does nothing but hold the name:"),
    ),
    "two_homes": lambda: (
        _("Which of two stacks shall be kept up to date?"),
        _("Infosec’s stack stands in both home regions, and one is enough:"),
    ),
    "own_trail": lambda: (
        _("What shall become of your own trails?"),
        _("These record the same events as infosec’s trail would:"),
    ),
    "too_many_trails": lambda: (
        _("Five trails are the most that AWS allows in a region. What shall happen?"),
        _("There is no room for infosec’s trail beside these:"),
    ),
    "organization_trail": lambda: (
        _("Shall infosec’s trails be added beside your organization’s?"),
        _("Your organization already records this account:"),
    ),
}

_Four = tuple[str, str, str, str]
_OPTIONS: dict[tuple[str, str], Callable[[], _Four]] = {
    ("old_stack_extras", "leave"): lambda: (
        _("Leave the stack as it is"),
        _("Nothing is deleted. The old role stays trusted, so the account can’t be verified yet."),
        _FREE,
        _("You can take your resources out of the stack and start again."),
    ),
    ("old_stack_extras", "remove"): lambda: (
        _("Delete it with everything listed"),
        _("CloudFormation deletes the stack, the old role and each of these resources."),
        _FREE,
        _("Can’t be taken back: what they hold is gone."),
    ),
    ("old_stack_protected", "leave"): lambda: (
        _("Leave it protected"),
        _("Nothing is deleted. The old role stays trusted, so the account can’t be verified yet."),
        _FREE,
        _("You can start again at any time."),
    ),
    ("old_stack_protected", "lift"): lambda: (
        _("Lift the protection, then delete the stack"),
        _("The portal switches off the termination protection of this stack alone, and deletes it."),
        _FREE,
        _("Can’t be taken back once the stack is deleted."),
    ),
    ("old_role_attachments", "leave"): lambda: (
        _("Leave the role as it is"),
        _("The old stack and its role stay. The role stays trusted, so the account can’t be verified yet."),
        _FREE,
        _("You can detach these yourself and start again."),
    ),
    ("old_role_attachments", "detach"): lambda: (
        _("Take them off, then delete the role"),
        _(
            "Each is detached from this role; managed policies and instance profiles themselves stay, inline "
            "policies are deleted with their text."
        ),
        _FREE,
        _("Can’t be taken back: the role is deleted afterwards."),
    ),
    ("name_blocked", "leave"): lambda: (
        _("Leave it"),
        _("It stays, and ours can’t be made there: that part of the work is left out."),
        _FREE,
        _("You can start again at any time."),
    ),
    ("name_blocked", "delete"): lambda: (
        _("Delete it, then create ours"),
        _("The dead stack is deleted by its id, and the name is used for infosec’s stack."),
        _FREE,
        _("Can’t be taken back; nothing of it works today."),
    ),
    ("two_homes", "use"): lambda: (
        _("Keep the one in %(rest)s up to date"),
        _("The other is not touched, and nothing is created twice."),
        _FREE,
        _("You can delete the other yourself at any time."),
    ),
    ("own_trail", "keep"): lambda: (
        _("Keep what is yours, and add infosec’s beside it"),
        _("Nothing of yours is touched."),
        _("CloudTrail charges you about $%(cost)s for each 100,000 events that are recorded twice."),
        _("Deleting infosec’s stack removes its trails again."),
    ),
    ("own_trail", "repoint"): lambda: (
        _("Let yours deliver to infosec’s log storage instead"),
        _(
            "Bucket, prefix and topic are changed, once and in the home region; infosec’s own trail is not "
            "added where yours records. New logs no longer go to your bucket; a stack that made the trail "
            "would change it back."
        ),
        _("No second copy, so no charge for one."),
        _("You can point it back at any time; logs that were delivered stay where they are."),
    ),
    ("own_trail", "skip"): lambda: (
        _("Leave these regions out"),
        _("No trail of infosec’s is made where yours records: infosec sees nothing of these regions."),
        _FREE,
        _("You can start again and add them at any time."),
    ),
    ("too_many_trails", "skip"): lambda: (
        _("Leave the region out"),
        _("Nothing is changed there, and infosec sees nothing of it."),
        _FREE,
        _("You can start again and add it at any time."),
    ),
    ("too_many_trails", "repoint"): lambda: (
        _("Let %(rest)s deliver to infosec’s log storage"),
        _("Its bucket, prefix and topic are changed. New logs of it no longer go to your bucket."),
        _("No further copy, so no charge for one."),
        _("You can point it back at any time; logs that were delivered stay where they are."),
    ),
    ("too_many_trails", "free"): lambda: (
        _("Delete %(rest)s, and add infosec’s"),
        _("The trail is deleted and infosec’s takes its place. Logs that it delivered stay in your bucket."),
        _("CloudTrail charges about $%(cost)s for each 100,000 events that are recorded twice, as before."),
        _("A deleted trail can’t be brought back; you can make another where there is room."),
    ),
    ("organization_trail", "add"): lambda: (
        _("Add infosec’s trails beside it"),
        _("Both record the same events. Your organization’s trail is not touched."),
        _("CloudTrail charges this account about $%(cost)s for each 100,000 events that are recorded twice."),
        _("Deleting infosec’s stack removes its trails again."),
    ),
    ("organization_trail", "skip"): lambda: (
        _("Leave these regions to the organization’s trail"),
        _("No trail of infosec’s is made here: infosec sees only what the organization’s trail delivers."),
        _FREE,
        _("You can start again and add them at any time."),
    ),
}
