"""Why did a stack fail, in AWS's own words?"""

import re
from collections.abc import Sequence

from onboarding.aws import stacks
from onboarding.aws.errors import AwsFailure, classify
from onboarding.aws.session import AwsSession
from onboarding.observed import Failure, Stack, StackEvent
from onboarding.states import FailureKind

# CloudFormation quotes the service's answer: "… (Service: Iam, Status Code: 403, Request ID: …)", with the
# code as "Error Code: X", "HandlerErrorCode: X" or "(X)" somewhere in it.
_QUOTED_CODE = re.compile(
    r"Error ?Code: (?P<code>[A-Za-z.]+)|\b(?P<word>[A-Z][A-Za-z]+(?:Exception|Exceeded|Denied|Conflict))\b"
)
_QUOTED_REQUEST = re.compile(r"Request ID: (?P<id>[\w-]+)", re.IGNORECASE)

_PASSES_ELSEWHERE = frozenset(
    {FailureKind.UNREACHABLE, FailureKind.THROTTLED, FailureKind.UNREADABLE, FailureKind.NOT_ENABLED}
)


def failure_of(session: AwsSession, stack: Stack, *, token: str = "", operation: str = "") -> Failure:
    """What made the stack's last operation fail: its first failed resource's reason, else the stack's own.

    When events may not be read, the stack's own reason has to do.
    """
    try:
        events = stacks.events(session, stack.region, stack.stack_id, token)
        if token and not events:
            events = stacks.events(session, stack.region, stack.stack_id)
    except AwsFailure:
        events = ()
    cause = stacks.root_cause(events)
    reason = (cause.reason if cause else "") or stack.status_reason or stack.status
    if stack.status == "ROLLBACK_FAILED":
        reason = f"{reason} {_what_is_left(events)}".strip()
    return failure_from_reason(reason, region=stack.region, operation=operation, code=stack.status)


def _what_is_left(events: Sequence[StackEvent]) -> str:
    """What a rollback could not remove, and why."""
    left = {event.logical_id: event.reason for event in events if event.status == "DELETE_FAILED"}
    return "; ".join(f"Left behind: {name}: {reason}" for name, reason in left.items())


def failure_from_reason(reason: str, *, region: str, operation: str = "", code: str = "") -> Failure:
    """A status reason as a failure, with the service's code where the reason quotes one."""
    quoted = _QUOTED_CODE.search(reason)
    found = (quoted["code"] or quoted["word"]) if quoted else ""
    request = _QUOTED_REQUEST.search(reason)
    kind = classify(found, reason) if found else FailureKind.UNKNOWN
    return Failure(
        # A stack that has ended is not tried again by itself: what passes elsewhere is its end here.
        kind=FailureKind.UNKNOWN if kind in _PASSES_ELSEWHERE else kind,
        code=found or code,
        message=reason[:1000],
        service="cloudformation",
        operation=operation,
        region=region,
        request_id=request["id"] if request else "",
    )
