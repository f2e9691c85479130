"""What does a stack do with an `AWS::CloudTrail::Trail`, and how does it word what CloudTrail refuses?"""

import uuid
from collections.abc import Mapping
from typing import Any

from ministack.core import responses
from ministack.services.cloudformation import provisioners

from sandbox import trails
from sandbox.trails import Refused, Trail

_HANDLER_CODES = {
    "TrailAlreadyExistsException": "AlreadyExists",
    "TrailNotFoundException": "NotFound",
    "MaximumNumberOfTrailsExceededException": "ServiceLimitExceeded",
}
_PASSED_ON = (
    "S3BucketName",
    "S3KeyPrefix",
    "SnsTopicName",
    "KMSKeyId",
    "CloudWatchLogsLogGroupArn",
    "CloudWatchLogsRoleArn",
)
_FLAGS = (
    "IncludeGlobalServiceEvents",
    "IsMultiRegionTrail",
    "EnableLogFileValidation",
    "IsOrganizationTrail",
)


def _here() -> tuple[str, str]:
    return responses.get_account_id(), responses.get_region()


def _flag(value: Any) -> bool:
    return str(value).lower() == "true"


def _request(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    # A property that the template no longer has falls back to its default, so all of them are named.
    return {
        "Name": name,
        **{key: properties.get(key) or "" for key in _PASSED_ON},
        **{key: _flag(properties.get(key, key == "IncludeGlobalServiceEvents")) for key in _FLAGS},
        "TagsList": properties.get("Tags") or [],
    }


def handler_failure(refused: Refused, name: str) -> ValueError:
    """The refusal as the resource handler of AWS reports it."""
    code = _HANDLER_CODES.get(refused.refusal.code, "InvalidRequest")
    message = refused.refusal.message
    match code:
        case "AlreadyExists":
            text = f"Resource of type 'AWS::CloudTrail::Trail' with identifier '{name}' already exists."
        case "ServiceLimitExceeded":
            text = f"Limit exceeded for resource of type 'AWS::CloudTrail::Trail'. Reason: {message}"
        case "NotFound":
            text = f"Resource of type 'AWS::CloudTrail::Trail' with identifier '{name}' was not found."
        case _:
            text = (
                f"Invalid request provided: {message} (Service: CloudTrail, Status Code: 400, "
                f"Request ID: {uuid.uuid4()})"
            )
    return ValueError(
        f'Resource handler returned message: "{text}" '
        f"(RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})"
    )


def _attributes(trail: Trail) -> dict[str, str]:
    return {"Arn": trail.arn, "SnsTopicArn": trail.topic}


def _set_logging(trail: Trail, properties: Mapping[str, Any]) -> None:
    if _flag(properties.get("IsLogging", False)):
        trails.start_logging(trail)
    else:
        trails.stop_logging(trail)


def _required(properties: Mapping[str, Any]) -> None:
    missing = [key for key in ("S3BucketName", "IsLogging") if key not in properties]
    if missing:
        raise ValueError(
            "Properties validation failed for resource with message: "
            f"#: required key [{missing[0]}] not found"
        )


def _create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    _required(properties)
    name = properties.get("TrailName") or provisioners._physical_name(stack_name, logical_id, max_len=128)
    try:
        trail = trails.create(*_here(), _request(name, properties))
    except Refused as refused:
        raise handler_failure(refused, name) from None
    trail.selectors = list(properties.get("EventSelectors") or properties.get("AdvancedEventSelectors") or [])
    _set_logging(trail, properties)
    return trail.name, _attributes(trail)


def _update(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str, logical_id: str
) -> tuple[str, dict[str, str]]:
    _required(new)
    if new.get("TrailName") != old.get("TrailName"):
        return _create(logical_id, new, stack_name)
    try:
        trail = trails.update(*_here(), _request(physical_id, new))
    except Refused as refused:
        raise handler_failure(refused, physical_id) from None
    trail.tags = {tag["Key"]: tag.get("Value", "") for tag in new.get("Tags") or []}
    trail.selectors = list(new.get("EventSelectors") or new.get("AdvancedEventSelectors") or [])
    _set_logging(trail, new)
    return trail.name, _attributes(trail)


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    try:
        trails.delete(*_here(), physical_id)
    except Refused as refused:
        # What is gone already counts as deleted.
        if refused.refusal.code != "TrailNotFoundException":
            raise handler_failure(refused, physical_id) from None


def install() -> None:
    """Register the type, which ministack doesn't have; stack tags reach the trail as they do at AWS."""
    provisioners._RESOURCE_HANDLERS["AWS::CloudTrail::Trail"] = {
        "create": _create,
        "update": _update,
        "update_with_logical_id": True,
        "delete": _delete,
    }
    provisioners._STACK_TAG_PROPERTY["AWS::CloudTrail::Trail"] = ("Tags", "list")
