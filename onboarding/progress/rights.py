"""What may the portal do with what was handed over, and what is missing? As found before consent."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding.models import Event, Grant, Run
from onboarding.states import GrantKind, Stage

# A run takes some minutes, and AWS may take its time.
ENDS_SOON = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Right:
    """One action, the first stage that needs it, and why it is missing or can't be told."""

    action: str
    stage: str
    because: str | Promise


@dataclass(frozen=True, slots=True)
class Rights:
    # The user or role whose policies were asked about.
    principal: str
    is_simulated: bool
    is_narrowed: bool
    missing: tuple[Right, ...]
    cannot_tell: tuple[Right, ...]
    # The policy that would mend it, as JSON, and the command that attaches it; empty where none would.
    policy: str
    command: str
    # Whether the role can be checked again as it is, without handing over anything anew.
    is_role: bool
    ends_at: datetime | None
    ends_soon: bool
    end_is_known: bool


_BECAUSE: dict[str, str | Promise] = {
    "role": _("no policy allows it"),
    "boundary": _("a permissions boundary forbids it"),
    "organization": _("your organization forbids it"),
    "unknown_conditions": _("it depends on conditions that can’t be known beforehand"),
    "not_simulated": _("IAM’s simulator may not be asked"),
}


def rights_of(run: Run) -> Rights | None:
    """None before anything was checked."""
    event = Event.objects.filter(run=run, kind="preflight.done").order_by("-number").first()
    if event is None:
        return None
    told: Mapping[str, Any] = event.data
    grant = run.grant
    ends_at = _end_of(grant)
    mending = list(told["mending"])
    return Rights(
        principal=told["principal"],
        is_simulated=told["is_simulated"],
        is_narrowed=told["is_narrowed"],
        missing=_rights(told["missing"]),
        cannot_tell=_rights(told["cannot_tell"]),
        policy=_policy(mending),
        command=_command(told["principal"], mending),
        is_role=grant is not None and grant.kind == GrantKind.ROLE,
        ends_at=ends_at,
        ends_soon=ends_at is not None and ends_at < timezone.now() + ENDS_SOON,
        end_is_known=ends_at is not None or (grant is not None and grant.kind == GrantKind.ROLE),
    )


def _end_of(grant: Grant | None) -> datetime | None:
    return grant.claimed_expiry if grant is not None and grant.destroyed_at is None else None


def _rights(told: Iterable[Mapping[str, str]]) -> tuple[Right, ...]:
    return tuple(
        Right(each["action"], str(Stage(each["stage"]).label), _BECAUSE.get(each["because"], ""))
        for each in told
    )


def _policy(statements: list[Mapping[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) if statements else ""


def _command(principal: str, statements: list[Mapping[str, Any]]) -> str:
    """Attaches the policy to the very role or user; empty where it isn't known which."""
    kind, _slash, name = principal.partition(":iam::")[2].partition(":")[2].partition("/")
    if not statements or kind not in {"role", "user"}:
        return ""
    document = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    return (
        f"aws iam put-{kind}-policy --{kind}-name {shlex.quote(name.rsplit('/', 1)[-1])} \\\n"
        f"  --policy-name OnboardingMissing \\\n"
        f"  --policy-document {shlex.quote(document)}"
    )
