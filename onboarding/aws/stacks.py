"""What is the state of a stack, and how is it created, changed and deleted?

Each request is sent once and answered at once; nothing here waits for CloudFormation. Every change carries
the caller's stored token, so that a lost answer can be asked again.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from onboarding.aws.errors import AwsFailure, ask, collect
from onboarding.aws.session import AwsSession
from onboarding.observed import Stack, StackEvent, StackResource
from onboarding.states import FailureKind

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

# A stack that is made anew again and again has thousands of events: its latest thousand tell enough.
EVENT_PAGES = 10

_STACK_TYPE = "AWS::CloudFormation::Stack"
_CANCELLED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


class TokenAlreadyUsed(AwsFailure):
    """The token was used for another operation: store a new one and ask again."""


def describe(session: AwsSession, region: str, name_or_id: str) -> Stack | None:
    """The stack as it is now, without resources and template; None when there is none.

    By id, a deleted stack is still found for 90 days, in status DELETE_COMPLETE.
    """
    try:
        answer = ask(session.client("cloudformation", region).describe_stacks, StackName=name_or_id)
    except AwsFailure as refusal:
        if refusal.failure.kind is FailureKind.NOT_FOUND:
            return None
        raise
    return _stack(answer["Stacks"][0], region) if answer["Stacks"] else None


def _stack(found: "StackTypeDef", region: str) -> Stack:
    return Stack(
        stack_id=found.get("StackId", ""),
        name=found["StackName"],
        region=region,
        status=found["StackStatus"],
        status_reason=found.get("StackStatusReason", ""),
        description=found.get("Description", ""),
        parent_id=found.get("ParentId", ""),
        root_id=found.get("RootId", ""),
        service_role_arn=found.get("RoleARN", ""),
        is_termination_protected=found.get("EnableTerminationProtection", False),
        tags={tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
        parameters={
            each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])
        },
        outputs={each["OutputKey"]: each.get("OutputValue", "") for each in found.get("Outputs", [])},
    )


def create(
    session: AwsSession,
    region: str,
    *,
    stack_name: str,
    template_body: str = "",
    template_url: str = "",
    parameters: Mapping[str, str],
    capabilities: Sequence[str],
    tags: Mapping[str, str],
    token: str,
    timeout_minutes: int,
) -> str:
    """Start creating the stack from its template's URL, or else its body, and return its id.

    Asked again with the same token, the same id comes back. Raises AwsFailure of kind CONFLICT when the name
    is taken, TokenAlreadyUsed when the token is.
    """
    request = _request(
        stack_name=stack_name,
        template_body=template_body,
        template_url=template_url,
        parameters=parameters,
        capabilities=capabilities,
        tags=tags,
        token=token,
    )
    create_stack = session.client("cloudformation", region).create_stack
    answer = _writing(create_stack, OnFailure="ROLLBACK", TimeoutInMinutes=timeout_minutes, **request)
    return str(answer["StackId"])


def update(
    session: AwsSession,
    region: str,
    *,
    stack_name: str,
    template_body: str = "",
    template_url: str = "",
    parameters: Mapping[str, str],
    capabilities: Sequence[str],
    tags: Mapping[str, str],
    token: str,
) -> bool:
    """Start changing the stack (by name or id); False when it is already so.

    Raises AwsFailure of kind CONFLICT while its status allows no change.
    """
    request = _request(
        stack_name=stack_name,
        template_body=template_body,
        template_url=template_url,
        parameters=parameters,
        capabilities=capabilities,
        tags=tags,
        token=token,
    )
    try:
        _writing(session.client("cloudformation", region).update_stack, **request)
    except AwsFailure as refusal:
        if "No updates are to be performed" in refusal.failure.message:
            return False
        raise
    return True


def delete(session: AwsSession, region: str, stack_id: str, token: str) -> None:
    """Start deleting the stack; one that doesn't exist is already so.

    Raises AwsFailure of kind CONFLICT when it is protected, or busy with something else.
    """
    try:
        client = session.client("cloudformation", region)
        _writing(client.delete_stack, StackName=stack_id, ClientRequestToken=token)
    except AwsFailure as refusal:
        if refusal.failure.kind is not FailureKind.NOT_FOUND:
            raise


def lift_protection(session: AwsSession, region: str, stack_id: str) -> None:
    """Switch the stack's termination protection off; a stack that doesn't exist has none."""
    try:
        client = session.client("cloudformation", region)
        ask(client.update_termination_protection, StackName=stack_id, EnableTerminationProtection=False)
    except AwsFailure as refusal:
        if refusal.failure.kind is not FailureKind.NOT_FOUND:
            raise


def _request(
    *,
    stack_name: str,
    template_body: str,
    template_url: str,
    parameters: Mapping[str, str],
    capabilities: Sequence[str],
    tags: Mapping[str, str],
    token: str,
) -> dict[str, Any]:
    return {
        "StackName": stack_name,
        **({"TemplateURL": template_url} if template_url else {"TemplateBody": template_body}),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": list(capabilities),
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "ClientRequestToken": token,
    }


def _writing(method: Any, **request: Any) -> Any:
    try:
        return ask(method, **request)
    except AwsFailure as refusal:
        if refusal.failure.code != "TokenAlreadyExistsException":
            raise
        failure = refusal.failure
    raise TokenAlreadyUsed(failure)


def events(session: AwsSession, region: str, stack_id: str, token: str = "") -> tuple[StackEvent, ...]:
    """The stack's latest events, oldest first; with `token`, those of that operation only."""
    client = session.client("cloudformation", region)
    pages = client.get_paginator("describe_stack_events").paginate(
        StackName=stack_id, PaginationConfig={"MaxItems": EVENT_PAGES * 100}
    )
    try:
        listed = [event for page in collect(client, pages) for event in page["StackEvents"]]
    except AwsFailure as refusal:
        if refusal.failure.kind is FailureKind.NOT_FOUND:
            return ()
        raise
    return tuple(
        StackEvent(
            event_id=event["EventId"],
            at=event["Timestamp"].astimezone(UTC),
            logical_id=event.get("LogicalResourceId", ""),
            resource_type=event.get("ResourceType", ""),
            status=event.get("ResourceStatus", ""),
            reason=event.get("ResourceStatusReason", ""),
            client_request_token=event.get("ClientRequestToken", ""),
        )
        # AWS lists the newest first. Times tie within a millisecond, so it is the position that orders them.
        for event in reversed(listed)
        if not token or event.get("ClientRequestToken", "") == token
    )


def resources(session: AwsSession, region: str, stack_id: str) -> tuple[StackResource, ...]:
    """The stack's resources; empty without a stack."""
    client = session.client("cloudformation", region)
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    try:
        listed = [each for page in collect(client, pages) for each in page["StackResourceSummaries"]]
    except AwsFailure as refusal:
        if refusal.failure.kind is FailureKind.NOT_FOUND:
            return ()
        raise
    return tuple(
        StackResource(
            logical_id=each["LogicalResourceId"],
            type=each["ResourceType"],
            physical_id=each.get("PhysicalResourceId", ""),
            status=each["ResourceStatus"],
            status_reason=each.get("ResourceStatusReason", ""),
        )
        for each in listed
    )


def template(session: AwsSession, region: str, stack_id: str) -> str | None:
    """The template as it was handed in; None where it can't be had. JSON comes back in botocore's spacing."""
    try:
        get_template = session.client("cloudformation", region).get_template
        answer = ask(get_template, StackName=stack_id, TemplateStage="Original")
    except AwsFailure as refusal:
        # A stack whose only change set was never executed has none.
        if refusal.failure.kind in (FailureKind.NOT_FOUND, FailureKind.REQUEST, FailureKind.DENIED):
            return None
        raise
    # botocore parses a body that is JSON, whatever its type says.
    body: Any = answer["TemplateBody"]
    return body if isinstance(body, str) else json.dumps(body)


def root_cause(of: Sequence[StackEvent]) -> StackEvent | None:
    """The event that made one operation fail, given its events oldest first; None when nothing failed.

    The first failure is the cause; those that AWS only cancelled because of it are not. An operation may also
    fail without any resource failing: then the stack's own turn to rolling back says why.
    """
    failed = [event for event in of if event.status.endswith("_FAILED") and event.reason not in _CANCELLED]
    resources_failed = [event for event in failed if event.resource_type != _STACK_TYPE]
    turned = [
        event
        for event in of
        if event.status in ("ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS")
        and event.resource_type == _STACK_TYPE
    ]
    explained = [event for event in (*resources_failed, *failed, *turned) if event.reason]
    return next(iter(explained), None) or next(iter((*resources_failed, *failed)), None)
