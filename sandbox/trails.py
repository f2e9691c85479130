"""Which trails are there, where are they seen, and what may be done to them?

Trails live in one home region; a multi-region trail throws a shadow into each other enabled region, an
organization trail into the member accounts. Knows nothing of protocols; `Refused` carries AWS's own words.
"""

import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox import accounts, admission, regions
from sandbox.refusals import Refusal

TRAILS_PER_REGION = 5

_TOPIC_ARN = re.compile(r"arn:aws:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}", re.ASCII)
_TOPIC_NAME = re.compile(r"[\w-]{1,256}", re.ASCII)
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TRAIL_ARN = re.compile(r"arn:aws:cloudtrail:([a-z0-9-]+):(\d{12}):trail/([A-Za-z0-9._-]+)")


class Refused(Exception):
    """CloudTrail says no; `refusal` holds code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, message, 400)


@dataclass(slots=True)
class Deliveries:
    """What became of a trail's logs in one region. Times are epoch seconds, errors S3's or SNS's code."""

    due_at: float | None = None
    seen_request: int = 0
    delivered_at: float | None = None
    attempted_at: float | None = None
    error: str = ""
    notified_at: float | None = None
    notification_error: str = ""


@dataclass(slots=True, eq=False)
class Trail:
    """One trail. `topic` is an ARN or empty; `deliveries` is by region; a `played` one's come of a script."""

    account: str
    name: str
    home_region: str
    bucket: str
    prefix: str = ""
    topic: str = ""
    kms_key: str = ""
    log_group: str = ""
    log_role: str = ""
    global_events: bool = True
    multi_region: bool = False
    organization: bool = False
    validation: bool = False
    logging: bool = False
    played: bool = False
    started_at: float | None = None
    stopped_at: float | None = None
    selectors: list[dict[str, Any]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    deliveries: dict[tuple[str, str], Deliveries] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The trail's ARN, which names its home region wherever it is seen."""
        return f"arn:aws:cloudtrail:{self.home_region}:{self.account}:trail/{self.name}"

    def places(self) -> Sequence[tuple[str, str]]:
        """The (account, region) pairs whose events it logs."""
        followed = [self.account]
        if self.organization:
            followed += [member.number for member in accounts.members(self.account)]
        return [
            (account, region)
            for account in followed
            for region in (regions.enabled(account) if self.multi_region else (self.home_region,))
        ]


# By account, then by home region and name: with a thousand accounts nobody should look through all of them.
_trails: dict[str, dict[tuple[str, str], Trail]] = {}
lock = threading.RLock()


def all_trails() -> Sequence[Trail]:
    """Every trail of every account."""
    return [trail for account in list(_trails) for trail in of_account(account)]


def of_account(account: str) -> Sequence[Trail]:
    """The account's own trails, of all regions."""
    return list(_trails.get(account, {}).values())


def visible(account: str, region: str, *, shadows: bool = True) -> Sequence[Trail]:
    """The trails seen there: at home, and with `shadows` those of other regions and of the organization."""
    own = of_account(account)
    found = [t for t in own if t.home_region == region]
    if shadows:
        found += [t for t in own if t.home_region != region and t.multi_region]
        found += [
            t
            for t in of_account(accounts.get(account).management_account)
            if t.organization and (t.multi_region or t.home_region == region)
        ]
    return found


def parse_arn(arn: str) -> tuple[str, str, str]:
    """(account, region, name) of a trail's ARN."""
    found = _TRAIL_ARN.fullmatch(arn)
    if found is None:
        raise Refused("CloudTrailARNInvalidException", f"Invalid trail ARN: {arn}")
    return found.group(2), found.group(1), found.group(3)


def find(account: str, region: str, name_or_arn: str) -> Trail:
    """The trail as seen there, for reading. A shadow answers to its ARN and, as at AWS, to its name."""
    if name_or_arn.startswith("arn:"):
        owner, home, name = parse_arn(name_or_arn)
        found = _trails.get(owner, {}).get((home, name))
        if found is not None and (found in visible(account, region) or owner == account):
            return found
    else:
        validate_name(name_or_arn)
        for trail in visible(account, region):
            if trail.name == name_or_arn:
                return trail
    raise Refused("TrailNotFoundException", f"Unknown trail: {name_or_arn} for the user: {account}")


def find_to_change(account: str, region: str, name_or_arn: str) -> Trail:
    """The trail, to be changed: at home only, and by nobody but its own account."""
    trail = find(account, region, name_or_arn)
    if trail.account != account:
        raise Refused(
            "NotOrganizationMasterAccountException",
            "The request could not be processed because your account is not the management account of "
            "the organization.",
        )
    if trail.home_region != region:
        raise Refused(
            "InvalidHomeRegionException",
            f"Trail {trail.arn} must be changed in its home region: {trail.home_region}",
        )
    return trail


def validate_name(name: str) -> None:
    """CloudTrail's rules for names, in its own words."""
    if len(name) < 3:
        problem = (
            f"Trail name too short. Minimum allowed length: 3 characters. Specified name length: "
            f"{len(name)} characters."
        )
    elif len(name) > 128:
        problem = (
            f"Trail name too long. Maximum allowed length: 128 characters. Specified name length: "
            f"{len(name)} characters."
        )
    elif not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        problem = (
            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), "
            "hyphens (-), and underscores (_)."
        )
    elif not name[0].isalnum():
        problem = "Trail name must starts with a letter or number."
    elif not name[-1].isalnum():
        problem = "Trail name must ends with a letter or number."
    elif re.search(r"[._-]{2}", name) or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name):
        problem = (
            "Trail name cannot have adjacent periods, hyphens or underscores, and cannot be an IP address."
        )
    else:
        return
    raise Refused("InvalidTrailNameException", problem)


def _topic_arn(topic: str, account: str, region: str) -> str:
    if not topic or _TOPIC_ARN.fullmatch(topic):
        return topic
    if topic.startswith("arn:") or not _TOPIC_NAME.fullmatch(topic):
        raise Refused("InvalidSnsTopicNameException", f"Invalid SNS topic name: {topic}")
    return f"arn:aws:sns:{region}:{account}:{topic}"


def _validate(trail: Trail) -> None:
    if trail.multi_region and not trail.global_events:
        raise Refused(
            "InvalidParameterCombinationException", "Multi-Region trail must include global service events."
        )
    if not _BUCKET_NAME.fullmatch(trail.bucket):
        raise Refused("InvalidS3BucketNameException", f"Bucket name {trail.bucket!r} is invalid")
    if len(trail.prefix) > 200 or trail.prefix.startswith("/"):
        raise Refused("InvalidS3PrefixException", f"Invalid S3 prefix: {trail.prefix}")
    if trail.organization and not accounts.members(trail.account):
        raise Refused(
            "OrganizationsNotInUseException",
            "The request could not be processed because your account is not a member of an organization.",
        )
    for refusal in (
        admission.bucket_refusal(trail.bucket, trail.prefix, trail_arn=trail.arn, account=trail.account),
        admission.topic_refusal(trail.topic, trail_arn=trail.arn, account=trail.account),
    ):
        if refusal is not None:
            raise Refused(refusal.code, refusal.message)


def _require_room(trail: Trail) -> None:
    for account, region in trail.places():
        if account != trail.account:
            continue
        others = [t for t in visible(account, region) if t is not trail]
        if len(others) >= TRAILS_PER_REGION:
            raise Refused(
                "MaximumNumberOfTrailsExceededException",
                f"User: {account} already has {TRAILS_PER_REGION} trails in {region}.",
            )


_FIELDS = {
    "S3BucketName": "bucket",
    "S3KeyPrefix": "prefix",
    "KMSKeyId": "kms_key",
    "KmsKeyId": "kms_key",
    "CloudWatchLogsLogGroupArn": "log_group",
    "CloudWatchLogsRoleArn": "log_role",
    "IncludeGlobalServiceEvents": "global_events",
    "IsMultiRegionTrail": "multi_region",
    "IsOrganizationTrail": "organization",
    "EnableLogFileValidation": "validation",
}


def _fields(request: Mapping[str, Any], account: str, region: str) -> dict[str, Any]:
    given = {ours: request[theirs] for theirs, ours in _FIELDS.items() if request.get(theirs) is not None}
    if request.get("SnsTopicName") is not None:
        given["topic"] = _topic_arn(request["SnsTopicName"], account, region)
    return given


def create(account: str, region: str, request: Mapping[str, Any]) -> Trail:
    """Make the trail; it doesn't log yet. `request` has CreateTrail's members."""
    name = request.get("Name") or ""
    validate_name(name)
    if not request.get("S3BucketName"):
        raise Refused("InvalidS3BucketNameException", "Bucket name must not be blank.")
    with lock:
        trail = Trail(account=account, name=name, home_region=region, **_fields(request, account, region))
        namesakes = [t for t in of_account(account) if t.name == name]
        if any(t.home_region == region or t.multi_region or trail.multi_region for t in namesakes):
            raise Refused(
                "TrailAlreadyExistsException", f"Trail {name} already exists for customer: {account}"
            )
        _require_room(trail)
        _validate(trail)
        trail.tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("TagsList") or []}
        _trails.setdefault(account, {})[region, name] = trail
        return trail


def update(account: str, region: str, request: Mapping[str, Any]) -> Trail:
    """Change what `request` names of the trail and check it like a new one; nothing changes when refused."""
    with lock:
        trail = find_to_change(account, region, request.get("Name") or "")
        before = {name: getattr(trail, name) for name in (*_FIELDS.values(), "topic")}
        try:
            for name, value in _fields(request, account, region).items():
                setattr(trail, name, value)
            _require_room(trail)
            _validate(trail)
        except Refused:
            for name, value in before.items():
                setattr(trail, name, value)
            raise
        return trail


def delete(account: str, region: str, name_or_arn: str) -> None:
    """Remove the trail and its shadows; delivered logs stay."""
    with lock:
        trail = find_to_change(account, region, name_or_arn)
        del _trails[trail.account][trail.home_region, trail.name]


def start_logging(trail: Trail) -> None:
    """Log from now on; a trail that logs already goes on."""
    with lock:
        if not trail.logging:
            trail.logging, trail.started_at = True, time.time()
            for deliveries in trail.deliveries.values():
                deliveries.due_at = None


def stop_logging(trail: Trail) -> None:
    """Log no more; the time of an earlier stop stays."""
    with lock:
        if trail.logging:
            trail.logging, trail.stopped_at = False, time.time()


def clear() -> None:
    """Forget all trails."""
    with lock:
        _trails.clear()
