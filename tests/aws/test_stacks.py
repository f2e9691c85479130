"""What is asked of CloudFormation, to the letter, and what its answers mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from onboarding.aws import stacks
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession
from onboarding.observed import Stack, StackEvent, StackResource
from onboarding.states import FailureKind
from tests.aws.conftest import StubFactory

REGION = "eu-west-1"
STACK_ID = f"arn:aws:cloudformation:{REGION}:484535289196:stack/InfosecClientRoles/6f2b2c1e"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

CREATION: dict[str, Any] = {
    "stack_name": "InfosecClientRoles",
    "parameters": {"ExternalId": "x"},
    "capabilities": ("CAPABILITY_IAM",),
    "tags": {"infosec:blueprint": "roles"},
    "token": "onb-1",
}
REQUEST: dict[str, Any] = {
    "StackName": "InfosecClientRoles",
    "Parameters": [{"ParameterKey": "ExternalId", "ParameterValue": "x"}],
    "Capabilities": ["CAPABILITY_IAM"],
    "Tags": [{"Key": "infosec:blueprint", "Value": "roles"}],
    "ClientRequestToken": "onb-1",
}


def test_a_stack_is_created_with_its_token_and_a_time_limit(session: AwsSession, stub: StubFactory) -> None:
    stub("cloudformation", REGION).add_response(
        "create_stack",
        {"StackId": STACK_ID},
        {**REQUEST, "TemplateBody": "{}", "OnFailure": "ROLLBACK", "TimeoutInMinutes": 15},
    )
    made = stacks.create(session, REGION, **CREATION, template_body="{}", timeout_minutes=15)
    assert made == STACK_ID


def test_a_published_template_is_named_and_not_sent(session: AwsSession, stub: StubFactory) -> None:
    stub("cloudformation", REGION).add_response(
        "create_stack",
        {"StackId": STACK_ID},
        {**REQUEST, "TemplateURL": "https://t/x", "OnFailure": "ROLLBACK", "TimeoutInMinutes": 15},
    )
    stacks.create(
        session, REGION, **CREATION, template_body="{}", template_url="https://t/x", timeout_minutes=15
    )


def test_a_name_that_is_taken_is_a_conflict(session: AwsSession, stub: StubFactory) -> None:
    stub("cloudformation", REGION).add_client_error(
        "create_stack", "AlreadyExistsException", "Stack [x] already exists"
    )
    with pytest.raises(AwsFailure) as caught:
        stacks.create(session, REGION, **CREATION, template_body="{}", timeout_minutes=15)
    assert caught.value.failure.kind is FailureKind.CONFLICT
    assert not isinstance(caught.value, stacks.TokenAlreadyUsed)


def test_a_token_used_for_something_else_is_told_apart(session: AwsSession, stub: StubFactory) -> None:
    stub("cloudformation", REGION).add_client_error(
        "delete_stack", "TokenAlreadyExistsException", "Token used"
    )
    with pytest.raises(stacks.TokenAlreadyUsed):
        stacks.delete(session, REGION, STACK_ID, "onb-1")


def test_an_update_says_whether_anything_was_to_do(session: AwsSession, stub: StubFactory) -> None:
    cloudformation = stub("cloudformation", REGION)
    cloudformation.add_response("update_stack", {"StackId": STACK_ID}, {**REQUEST, "TemplateBody": "{}"})
    cloudformation.add_client_error("update_stack", "ValidationError", "No updates are to be performed.")
    assert stacks.update(session, REGION, **CREATION, template_body="{}") is True
    assert stacks.update(session, REGION, **CREATION, template_body="{}") is False


@pytest.mark.parametrize(
    "message",
    [
        "Stack [x] cannot be deleted while TerminationProtection is enabled",
        "Stack [x] cannot be deleted while in status UPDATE_IN_PROGRESS",
    ],
)
def test_a_stack_that_may_not_be_deleted_now_is_a_conflict(
    session: AwsSession, stub: StubFactory, message: str
) -> None:
    stub("cloudformation", REGION).add_client_error("delete_stack", "ValidationError", message)
    with pytest.raises(AwsFailure) as caught:
        stacks.delete(session, REGION, STACK_ID, "onb-1")
    assert caught.value.failure.kind is FailureKind.CONFLICT


def test_deleting_what_is_gone_is_a_success(session: AwsSession, stub: StubFactory) -> None:
    cloudformation = stub("cloudformation", REGION)
    cloudformation.add_response("delete_stack", {}, {"StackName": STACK_ID, "ClientRequestToken": "onb-1"})
    cloudformation.add_client_error("delete_stack", "ValidationError", "Stack [x] does not exist")
    stacks.delete(session, REGION, STACK_ID, "onb-1")
    stacks.delete(session, REGION, STACK_ID, "onb-1")


def test_a_stack_is_described_in_our_words(session: AwsSession, stub: StubFactory) -> None:
    found = {
        "StackId": STACK_ID,
        "StackName": "InfosecClientRoles",
        "StackStatus": "ROLLBACK_COMPLETE",
        "StackStatusReason": "why",
        "CreationTime": NOW,
        "Description": "Infosec's two roles.",
        "ParentId": "parent",
        "RootId": "root",
        "RoleARN": "arn:aws:iam::484535289196:role/Service",
        "EnableTerminationProtection": True,
        "Tags": [{"Key": "a", "Value": "b"}],
        "Parameters": [{"ParameterKey": "c", "ParameterValue": "d"}, {"ParameterKey": "without"}],
        "Outputs": [{"OutputKey": "e", "OutputValue": "f"}],
    }
    stub("cloudformation", REGION).add_response(
        "describe_stacks", {"Stacks": [found]}, {"StackName": "InfosecClientRoles"}
    )
    assert stacks.describe(session, REGION, "InfosecClientRoles") == Stack(
        stack_id=STACK_ID, name="InfosecClientRoles", region=REGION, status="ROLLBACK_COMPLETE",
        status_reason="why", description="Infosec's two roles.", parent_id="parent", root_id="root",
        service_role_arn="arn:aws:iam::484535289196:role/Service", is_termination_protected=True,
        tags={"a": "b"}, parameters={"c": "d", "without": ""}, outputs={"e": "f"},
    )  # fmt: skip


def test_what_does_not_exist_is_none_and_what_is_denied_is_not(
    session: AwsSession, stub: StubFactory
) -> None:
    cloudformation = stub("cloudformation", REGION)
    cloudformation.add_client_error("describe_stacks", "ValidationError", "Stack with id x does not exist")
    cloudformation.add_client_error("describe_stacks", "AccessDenied", "User: x is not authorized")
    assert stacks.describe(session, REGION, "x") is None
    with pytest.raises(AwsFailure) as caught:
        stacks.describe(session, REGION, "x")
    assert (caught.value.failure.operation, caught.value.failure.region) == ("DescribeStacks", REGION)


def listed_event(number: int, token: str) -> dict[str, Any]:
    return {
        "StackId": STACK_ID, "EventId": str(number), "StackName": "x", "Timestamp": NOW,
        "LogicalResourceId": "r", "ResourceType": "AWS::IAM::Role", "ResourceStatus": "CREATE_COMPLETE",
        "ClientRequestToken": token,
    }  # fmt: skip


def test_events_come_oldest_first_over_all_pages(session: AwsSession, stub: StubFactory) -> None:
    cloudformation = stub("cloudformation", REGION)
    pages = [[4, 3], [2, 1]]
    for _time in range(2):
        cloudformation.add_response(
            "describe_stack_events",
            {"StackEvents": [listed_event(n, "new") for n in pages[0]], "NextToken": "more"},
            {"StackName": STACK_ID},
        )
        cloudformation.add_response(
            "describe_stack_events",
            {"StackEvents": [listed_event(n, "old") for n in pages[1]]},
            {"StackName": STACK_ID, "NextToken": "more"},
        )
    assert [event.event_id for event in stacks.events(session, REGION, STACK_ID)] == ["1", "2", "3", "4"]
    assert [event.event_id for event in stacks.events(session, REGION, STACK_ID, "new")] == ["3", "4"]


def test_resources_come_from_all_pages(session: AwsSession, stub: StubFactory) -> None:
    cloudformation = stub("cloudformation", REGION)
    for asked, answer in (({}, {"NextToken": "more"}), ({"NextToken": "more"}, {})):
        summary = {
            "LogicalResourceId": "Role",
            "ResourceType": "AWS::IAM::Role",
            "PhysicalResourceId": "role-1",
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": NOW,
        }
        cloudformation.add_response(
            "list_stack_resources",
            {"StackResourceSummaries": [summary], **answer},
            {"StackName": STACK_ID, **asked},
        )
    one = StackResource("Role", "AWS::IAM::Role", "role-1", "CREATE_COMPLETE")
    assert stacks.resources(session, REGION, STACK_ID) == (one, one)


def test_a_template_comes_back_as_text_whatever_its_form(session: AwsSession, stub: StubFactory) -> None:
    cloudformation = stub("cloudformation", REGION)
    for body in ("Resources: {}", '{"Resources": {}}'):
        cloudformation.add_response(
            "get_template", {"TemplateBody": body}, {"StackName": STACK_ID, "TemplateStage": "Original"}
        )
        assert stacks.template(session, REGION, STACK_ID) == body


def told(status: str, reason: str = "", kind: str = "AWS::IAM::Role", number: int = 0) -> StackEvent:
    return StackEvent(str(number), NOW + timedelta(seconds=number), "x", kind, status, reason)


STACK = "AWS::CloudFormation::Stack"


@pytest.mark.parametrize(
    ("history", "cause"),
    [
        ([], None),
        ([told("CREATE_COMPLETE", "fine")], None),
        (
            [
                told("CREATE_FAILED", "Resource creation cancelled"),
                told("CREATE_FAILED", "not authorized"),
                told("CREATE_FAILED", "later"),
                told("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create", STACK),
            ],
            "not authorized",
        ),
        ([told("DELETE_FAILED", "in use"), told("DELETE_FAILED", "stack", STACK)], "in use"),
        ([told("CREATE_FAILED", ""), told("UPDATE_FAILED", "has a reason")], "has a reason"),
        (
            [told("ROLLBACK_IN_PROGRESS", "Stack creation time exceeded", STACK)],
            "Stack creation time exceeded",
        ),
        ([told("CREATE_FAILED", "", number=7)], ""),
    ],
)
def test_the_root_cause_is_the_first_failure_that_is_not_a_consequence(
    history: list[StackEvent], cause: str | None
) -> None:
    found = stacks.root_cause(history)
    assert (found.reason if found else None) == cause
