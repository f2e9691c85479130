"""What does an event say, in words? One sentence per event, for the timeline.

Only what the event itself carries: an old event reads the same for ever.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from onboarding.models import Event
from onboarding.progress.failures import Trouble, trouble_of
from onboarding.progress.places import named_region
from onboarding.progress.questions import option_words
from onboarding.progress.stages import CANCELLED
from onboarding.states import GrantKind, RunStatus, StepKind, StepStatus

# What the owner hears when a run arrives in a status.
_ARRIVALS = {
    RunStatus.DRAFT: lambda: _("The run was opened; it waits for the hand-over."),
    RunStatus.SURVEYING: lambda: _("The portal began to look at the account."),
    RunStatus.PLANNED: lambda: _("The plan was ready to be read and approved."),
    RunStatus.RUNNING: lambda: _("The work began."),
    RunStatus.VERIFYING: lambda: _("All work was done; verification from outside began."),
    RunStatus.VERIFIED: lambda: _("Everything was verified."),
    RunStatus.NEEDS_ACCESS: lambda: _("The portal needed access to go on."),
    RunStatus.NEEDS_OWNER: lambda: _("The portal needed a decision of the owner."),
    RunStatus.PARTLY_DONE: lambda: _("The run ended with some regions not covered."),
    RunStatus.FAILED: lambda: _("The run failed."),
    RunStatus.CANCELLING: lambda: _("The run was cancelled; what was under way was left to settle."),
    RunStatus.CANCELLED: lambda: _("The run was cancelled."),
}


@dataclass(frozen=True, slots=True)
class Told:
    number: int
    at: datetime
    words: str
    # Good news, bad news, or neither: "finished", "failed" or "".
    tone: str
    trouble: Trouble | None
    # AWS's request id where a write was sent.
    request_id: str


def tell(events: Iterable[Event]) -> tuple[Told, ...]:
    """The events worth a line, in the order given. Readings are shown by the board instead."""
    return tuple(told for event in events if (told := _tell(event)) is not None)


def _tell(event: Event) -> Told | None:
    words = _words(event)
    if not words:
        return None
    data: dict[str, Any] = event.data
    tone = _TONES.get(data.get("status", ""), "")
    trouble = trouble_of(data.get("reason_code", ""), data.get("failure")) if tone == "failed" else None
    return Told(event.number, event.at, words, tone, trouble, str(data.get("request_id", "")))


def _words(event: Event) -> str:
    match event.kind:
        case "run.status":
            return _run_words(event.data)
        case "step.status":
            return _step_words(event)
        case "aws.write":
            return _write_words(event)
        case "preflight.done":
            return _rights_words(event.data)
        case "grant.received":
            return _grant_words(event.data)
        case "owner.note" if event.data.get("choice") == "leave_as_is":
            return _("The owner chose to leave things as they are.")
        case "owner.decided":
            return _decision_words(event.data)
        case "owner.note" if event.data.get("choice") == "retry_failed":
            return _("The owner had what failed tried again.")
        case "owner.note" if event.data.get("choice") == "by_hand":
            return _BY_HAND.get(event.data.get("done", ""), lambda: "")()
        case kind:
            return _PLAIN[kind]() if kind in _PLAIN else ""


_BY_HAND = {
    "begin": lambda: _("The owner chose to create the stacks by their own hand."),
    "old": lambda: _("The owner says that the old stack is gone."),
    "roles": lambda: _("The owner says that the stack with the roles is created."),
    "trails": lambda: _("The owner says that the CloudTrail stack is created."),
    "verify": lambda: _("The owner asked for verification."),
}
_PLAIN = {
    "survey.done": lambda: _("The portal has looked at every region it could reach."),
    "plan.made": lambda: _("A plan was made."),
    "plan.approved": lambda: _("The plan was approved."),
    "grant.destroyed": lambda: _("The access that was handed over was destroyed."),
    "notice.given_up": lambda: _("Somebody could not be told of it. Infosec sees whom."),
    "notice.asked_again": lambda: _("Infosec had it told again."),
    "hand_over.checked": lambda: _("The portal tried to use the hand-over role, as its owner asked."),
}


_TONES = {
    "verified": "finished",
    "finished": "finished",
    "failed": "failed",
    "refused": "failed",
    "partly_done": "failed",
}


def _run_words(data: dict[str, Any]) -> str:
    arrival = _ARRIVALS.get(RunStatus(data["status"]))
    return arrival() if arrival else ""


def _decision_words(data: dict[str, Any]) -> str:
    about = data.get("about", ())
    names = [str(one.get("role") or one.get("stack") or one.get("trail") or "") for one in about]
    told = ", ".join(dict.fromkeys(filter(None, names)))
    chosen = option_words(str(data.get("question", "")), str(data.get("choice", ""))).label
    return _("The owner decided: %(chosen)s (%(names)s).") % {"chosen": chosen, "names": told}


def _rights_words(data: dict[str, Any]) -> str:
    if data["missing"]:
        return _("%(count)s permissions were missing.") % {"count": len(data["missing"])}
    if data["cannot_tell"]:
        return _("The permissions were checked, as far as that could be told beforehand.")
    return _("Every permission that is needed was there.")


def _grant_words(data: dict[str, Any]) -> str:
    if data.get("kind_of_grant", data.get("kind")) == GrantKind.TEMPORARY_CREDENTIALS:
        return _("Temporary credentials were handed over, and sealed.")
    return _("A role was handed over.")


def _step_words(event: Event) -> str:
    data = event.data
    names = {"target": data.get("target", ""), "region": named_region(event.region)}
    status = StepStatus(data["status"])
    kind = StepKind(data["kind_of_step"])
    if status == StepStatus.FINISHED:
        return _FINISHED[kind]() % names
    if status in {StepStatus.FAILED, StepStatus.REFUSED}:
        # A cancelled run leaves many steps undone. That it was cancelled is told once.
        return "" if data.get("reason_code") == CANCELLED else _FAILED[kind]() % names
    # Regions are many, and the board shows how each is doing.
    if kind in {StepKind.REGION_TRAIL, StepKind.VERIFY_REGION}:
        return ""
    if data.get("aws_status"):
        return _("%(target)s: AWS says %(status)s.") % {**names, "status": data["aws_status"]}
    return ""


_FINISHED = {
    StepKind.ADMIT_ACCOUNT: lambda: _("The log storage accepts this account's logs."),
    StepKind.REMOVE_STACK: lambda: _("The old stack %(target)s in %(region)s is gone."),
    StepKind.DEPLOY_ROLES: lambda: _("The stack %(target)s with both roles stands in %(region)s."),
    StepKind.DEPLOY_TRAILS: lambda: _("The stack %(target)s stands in %(region)s."),
    StepKind.REGION_TRAIL: lambda: _("%(region)s: CloudTrail is on."),
    StepKind.VERIFY_ROLES: lambda: _("Both roles were verified from outside."),
    StepKind.VERIFY_REGION: lambda: _("%(region)s: verified, a first log has arrived."),
}
_FAILED = {
    StepKind.ADMIT_ACCOUNT: lambda: _("The log storage does not accept this account yet."),
    StepKind.REMOVE_STACK: lambda: _("The old stack %(target)s in %(region)s could not be removed."),
    StepKind.DEPLOY_ROLES: lambda: _("The stack %(target)s could not be deployed in %(region)s."),
    StepKind.DEPLOY_TRAILS: lambda: _("The stack %(target)s could not be deployed in %(region)s."),
    StepKind.REGION_TRAIL: lambda: _("%(region)s: CloudTrail could not be switched on."),
    StepKind.VERIFY_ROLES: lambda: _("The roles could not be verified."),
    StepKind.VERIFY_REGION: lambda: _("%(region)s: could not be verified."),
}


def _write_words(event: Event) -> str:
    operation = str(event.data.get("operation", ""))
    names = {
        "stack": event.data.get("stack", ""),
        "region": named_region(event.region or str(event.data.get("region", ""))),
        "operation": operation,
        "service": event.data.get("service", ""),
    }
    match operation:
        case "DeleteStack":
            return _("Asked AWS to delete the stack %(stack)s in %(region)s.") % names
        case "CreateStack":
            return _("Asked AWS to create the stack %(stack)s in %(region)s.") % names
        case "UpdateTerminationProtection":
            return _("Lifted the termination protection of the stack %(stack)s in %(region)s.") % names
        case "UpdateStack":
            return _("Asked AWS to update the stack %(stack)s in %(region)s.") % names
        case _ if names["stack"]:
            return _("Sent %(service)s:%(operation)s for %(stack)s in %(region)s.") % names
        case _ if event.data.get("place") == "central":
            return _("Sent %(service)s:%(operation)s on infosec’s side.") % names
        case _:
            return _("Sent %(service)s:%(operation)s.") % names
