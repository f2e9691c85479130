"""The one cause of a stack's failure: the oldest real one, in AWS's words, whatever the language."""

from datetime import UTC, datetime

import pytest

from onboarding.aws.stacks import root_cause
from onboarding.engine.causes import failure_from_reason
from onboarding.observed import StackEvent
from onboarding.states import FailureKind

STACK = "AWS::CloudFormation::Stack"


def event(name: str, status: str, reason: str = "", kind: str = "AWS::IAM::Role") -> StackEvent:
    return StackEvent(name + status, datetime(2026, 11, 23, tzinfo=UTC), name, kind, status, reason)


def test_the_oldest_failure_that_is_no_cancellation_is_the_cause() -> None:
    events = (
        event("Audit", "CREATE_IN_PROGRESS"),
        event("Response", "CREATE_FAILED", "Resource creation cancelled"),
        event("Audit", "CREATE_FAILED", "Die Rolle gibt es schon."),
        event("Function", "CREATE_FAILED", "Something that came of it"),
        event("Stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create", STACK),
        event("Audit", "DELETE_FAILED", "A later trouble"),
    )
    found = root_cause(events)
    assert found is not None
    assert found.reason == "Die Rolle gibt es schon."


def test_without_a_failed_resource_the_stacks_own_turn_says_why() -> None:
    timed_out = event("Stack", "ROLLBACK_IN_PROGRESS", "Stack creation time exceeded", STACK)
    found = root_cause((event("Audit", "CREATE_FAILED", "Resource creation cancelled"), timed_out))
    assert found == timed_out
    assert root_cause(()) is None


@pytest.mark.parametrize(
    ("reason", "code", "kind"),
    [
        ("Cannot do (Service: Iam, Status Code: 409, Request ID: r-1; Error Code: EntityAlreadyExists)",
         "EntityAlreadyExists", FailureKind.CONFLICT),
        ("User is not authorized (HandlerErrorCode: AccessDenied)", "AccessDenied", FailureKind.DENIED),
        # What passes elsewhere has ended here: the stack isn't tried again by itself.
        ("Rate exceeded (Error Code: Throttling)", "Throttling", FailureKind.UNKNOWN),
        ("It broke (HandlerErrorCode: InternalFailure)", "InternalFailure", FailureKind.UNKNOWN),
        ("El rol no existe.", "ROLLBACK_COMPLETE", FailureKind.UNKNOWN),
    ],
)  # fmt: skip
def test_a_reason_is_known_by_the_code_it_quotes(reason: str, code: str, kind: FailureKind) -> None:
    failure = failure_from_reason(reason, region="us-west-2", code="ROLLBACK_COMPLETE")
    assert (failure.code, failure.kind, failure.message) == (code, kind, reason)
