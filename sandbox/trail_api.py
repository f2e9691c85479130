"""How does CloudTrail's API show trails, and what does it answer to each request?"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.core import responses
from ministack.services import cloudtrail

from sandbox import request_log, trails
from sandbox.refusals import Answer
from sandbox.trails import Refused, Trail

logger = logging.getLogger("sandbox")

_DEFAULT_SELECTORS = [
    {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [],
        "ExcludeManagementEventSources": [],
    }
]
Document = Mapping[str, Any]


def _here() -> tuple[str, str]:
    return responses.get_account_id(), responses.get_region()


def _shown(trail: Trail) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Name": trail.name,
        "S3BucketName": trail.bucket,
        "S3KeyPrefix": trail.prefix,
        "SnsTopicName": trail.topic.rsplit(":", 1)[-1],
        "SnsTopicARN": trail.topic,
        "IncludeGlobalServiceEvents": trail.global_events,
        "IsMultiRegionTrail": trail.multi_region,
        "TrailARN": trail.arn,
        "LogFileValidationEnabled": trail.validation,
        "KmsKeyId": trail.kms_key,
        "CloudWatchLogsLogGroupArn": trail.log_group,
        "CloudWatchLogsRoleArn": trail.log_role,
        "IsOrganizationTrail": trail.organization,
    }
    return {name: value for name, value in shown.items() if value != ""}


def _described(trail: Trail) -> dict[str, Any]:
    return {
        **_shown(trail),
        "HomeRegion": trail.home_region,
        "HasCustomEventSelectors": bool(trail.selectors),
        "HasInsightSelectors": False,
    }


def _create(request: Document) -> Any:
    return _shown(trails.create(*_here(), request))


def _update(request: Document) -> Any:
    return _shown(trails.update(*_here(), request))


def _delete(request: Document) -> Any:
    trails.delete(*_here(), request.get("Name") or "")
    return {}


def _get(request: Document) -> Any:
    return {"Trail": _described(trails.find(*_here(), request.get("Name") or ""))}


def _describe(request: Document) -> Any:
    shadows = request.get("includeShadowTrails")
    seen = trails.visible(*_here(), shadows=shadows is None or bool(shadows))
    wanted = request.get("trailNameList") or []
    for name in wanted:
        if name.startswith("arn:"):
            trails.parse_arn(name)
    return {"trailList": [_described(t) for t in seen if not wanted or t.name in wanted or t.arn in wanted]}


def _list(_request: Document) -> Any:
    account, _region = _here()
    seen = {t.arn: t for t in trails.of_account(account)}
    seen.update({t.arn: t for t in trails.visible(*_here())})
    return {
        "Trails": [{"TrailARN": t.arn, "Name": t.name, "HomeRegion": t.home_region} for t in seen.values()]
    }


def _stamp(moment: float | None) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


def _status(request: Document) -> Any:
    trail = trails.find(*_here(), request.get("Name") or "")
    log = trail.deliveries.get(_here()) or trails.Deliveries()
    found = {
        "IsLogging": trail.logging,
        "StartLoggingTime": trail.started_at,
        "StopLoggingTime": trail.stopped_at,
        "LatestDeliveryTime": log.delivered_at,
        "LatestNotificationTime": log.notified_at,
        "LatestDeliveryError": log.error or None,
        "LatestNotificationError": log.notification_error or None,
        "LatestDeliveryAttemptTime": _stamp(log.attempted_at),
        "LatestNotificationAttemptTime": _stamp(log.notified_at),
        "LatestDeliveryAttemptSucceeded": _stamp(log.delivered_at),
        "LatestNotificationAttemptSucceeded": _stamp(log.notified_at),
        "TimeLoggingStarted": _stamp(trail.started_at),
        "TimeLoggingStopped": _stamp(trail.stopped_at),
    }
    return {name: value for name, value in found.items() if value is not None}


def _start(request: Document) -> Any:
    trails.start_logging(trails.find_to_change(*_here(), request.get("Name") or ""))
    return {}


def _stop(request: Document) -> Any:
    trails.stop_logging(trails.find_to_change(*_here(), request.get("Name") or ""))
    return {}


def _selectors(trail: Trail) -> dict[str, Any]:
    selectors = trail.selectors or _DEFAULT_SELECTORS
    kind = "AdvancedEventSelectors" if "FieldSelectors" in selectors[0] else "EventSelectors"
    return {"TrailARN": trail.arn, kind: selectors}


def _put_event_selectors(request: Document) -> Any:
    trail = trails.find_to_change(*_here(), request.get("TrailName") or "")
    basic, advanced = request.get("EventSelectors"), request.get("AdvancedEventSelectors")
    if (basic is None) == (advanced is None):
        raise Refused(
            "InvalidEventSelectorsException",
            "You must select events by using either EventSelectors or AdvancedEventSelectors.",
        )
    if basic is not None and not 1 <= len(basic) <= 5:
        raise Refused(
            "InvalidEventSelectorsException", "Specify a valid number of selectors (1 to 5) for your trail"
        )
    if advanced is not None and not advanced:
        raise Refused("InvalidEventSelectorsException", "Specify between 1 and 500 selectors for your trail.")
    chosen = advanced or [{**_DEFAULT_SELECTORS[0], **selector} for selector in basic or ()]
    trail.selectors = [] if chosen == _DEFAULT_SELECTORS else chosen
    return _selectors(trail)


def _get_event_selectors(request: Document) -> Any:
    return _selectors(trails.find(*_here(), request.get("TrailName") or ""))


def _tagged(arn: str) -> Trail:
    account, region = _here()
    owner, home, _name = trails.parse_arn(arn)
    if (owner, home) != (account, region):
        raise Refused("CloudTrailARNInvalidException", f"Invalid trail ARN: {arn}")
    try:
        return trails.find(account, region, arn)
    except Refused:
        raise Refused("ResourceNotFoundException", f"Resource not found: {arn}") from None


def _add_tags(request: Document) -> Any:
    tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("TagsList") or []}
    trail = _tagged(request.get("ResourceId") or "")
    if len({**trail.tags, **tags}) > 50:
        raise Refused(
            "TagsLimitExceededException", "The number of tags per trail has exceeded the limit of 50."
        )
    trail.tags.update(tags)
    return {}


def _list_tags(request: Document) -> Any:
    return {
        "ResourceTagList": [
            {"ResourceId": arn, "TagsList": [{"Key": k, "Value": v} for k, v in _tagged(arn).tags.items()]}
            for arn in request.get("ResourceIdList") or []
        ]
    }


def _remove_tags(request: Document) -> Any:
    trail = _tagged(request.get("ResourceId") or "")
    for tag in request.get("TagsList") or []:
        trail.tags.pop(tag["Key"], None)
    return {}


_LOOKUPS: dict[str, Callable[[request_log.Entry], str]] = {
    "EventName": lambda e: e.action,
    "EventSource": lambda e: f"{e.service}.amazonaws.com",
    "AccessKeyId": lambda e: e.access_key_id,
    "EventId": lambda e: e.request_id,
    "ReadOnly": lambda e: "false" if e.writes else "true",
    "Username": lambda e: e.principal.rsplit("/", 1)[-1],
}


def _lookup(request: Document) -> Any:
    account, region = _here()
    wanted = {a["AttributeKey"]: a["AttributeValue"] for a in request.get("LookupAttributes") or []}
    unknown = set(wanted) - set(_LOOKUPS)
    if unknown:
        raise Refused(
            "InvalidLookupAttributesException", f"Lookup by {', '.join(sorted(unknown))} is not supported."
        )
    start, end = float(request.get("StartTime") or 0), float(request.get("EndTime") or time.time() + 1)
    found = [
        e
        for e in reversed(request_log.entries(account=account))
        if e.region == region
        and start <= e.time <= end
        and all(_LOOKUPS[name](e) == value for name, value in wanted.items())
    ]
    return {
        "Events": [
            {
                "EventId": e.request_id,
                "EventName": e.action,
                "ReadOnly": "false" if e.writes else "true",
                "AccessKeyId": e.access_key_id,
                "EventTime": e.time,
                "EventSource": f"{e.service}.amazonaws.com",
                "Username": e.principal.rsplit("/", 1)[-1],
                "Resources": [],
                "CloudTrailEvent": json.dumps(event(e)),
            }
            for e in found[: int(request.get("MaxResults") or 50)]
        ]
    }


def event(entry: request_log.Entry) -> dict[str, Any]:
    """The entry as CloudTrail writes it into a log file."""
    root = entry.principal.endswith(":root")
    kind = "Root" if root else "AssumedRole" if ":assumed-role/" in entry.principal else "IAMUser"
    return {
        "eventVersion": "1.11",
        "eventTime": _stamp(entry.time),
        "eventSource": f"{entry.service}.amazonaws.com",
        "eventName": entry.action,
        "awsRegion": entry.region,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": entry.user_agent,
        "userIdentity": {
            "type": kind,
            "arn": entry.principal,
            "accountId": entry.account,
            "accessKeyId": entry.access_key_id,
        },
        "requestID": entry.request_id,
        "eventID": entry.request_id,
        "readOnly": not entry.writes,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": entry.account,
        "eventCategory": "Management",
        **({"errorCode": entry.error} if entry.error else {}),
    }


_ACTIONS: dict[str, Callable[[Document], Any]] = {
    "CreateTrail": _create,
    "UpdateTrail": _update,
    "DeleteTrail": _delete,
    "GetTrail": _get,
    "DescribeTrails": _describe,
    "ListTrails": _list,
    "GetTrailStatus": _status,
    "StartLogging": _start,
    "StopLogging": _stop,
    "PutEventSelectors": _put_event_selectors,
    "GetEventSelectors": _get_event_selectors,
    "AddTags": _add_tags,
    "ListTags": _list_tags,
    "RemoveTags": _remove_tags,
    "LookupEvents": _lookup,
}


def _json(status: int, document: Any) -> Answer:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()


async def handle_request(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Mapping[str, Any]
) -> Answer:
    """Answer one authorized request."""
    action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    try:
        request = json.loads(body or b"{}")
        return _json(200, _ACTIONS[action](request))
    except json.JSONDecodeError:
        return _json(400, {"__type": "SerializationException", "message": "The request is no JSON."})
    except Refused as refused:
        return _json(
            refused.refusal.status, {"__type": refused.refusal.code, "message": refused.refusal.message}
        )


def install() -> None:
    """Take CloudTrail over altogether: ministack's checks neither bucket nor topic and delivers nothing.

    Its router looks `handle_request` up in the module at each call.
    """
    cloudtrail.handle_request = handle_request
