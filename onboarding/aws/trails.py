"""Which trails does one region see, and do they deliver?"""

from datetime import UTC
from typing import TYPE_CHECKING

from onboarding.aws.errors import AwsFailure, ask
from onboarding.aws.session import AwsSession
from onboarding.observed import Trail
from onboarding.states import FailureKind

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.type_defs import GetTrailStatusResponseTypeDef, TrailTypeDef

# An organization's trail may be seen by its members but not asked; a trail may go between two calls.
_STATUS_NOT_READABLE = frozenset(
    {FailureKind.DENIED, FailureKind.DENIED_BY_ORGANIZATION, FailureKind.NOT_FOUND}
)


def read_trails(session: AwsSession, region: str) -> tuple[Trail, ...]:
    """The trails that record `region`, those that live elsewhere too, each with its status in this region."""
    client = session.client("cloudtrail", region)
    listed = ask(client.describe_trails, includeShadowTrails=True)["trailList"]
    return tuple(_trail(listing, _status(session, region, listing["TrailARN"]), region) for listing in listed)


def owning_stack(session: AwsSession, trail: Trail) -> str:
    """The name of the stack that made the trail; empty where none did, or where it can't be told."""
    client = session.client("cloudformation", trail.home_region)
    try:
        answer = ask(client.describe_stack_resources, PhysicalResourceId=trail.name)
    except AwsFailure:
        return ""
    made = [each for each in answer.get("StackResources", []) if each.get("PhysicalResourceId") == trail.name]
    return made[0].get("StackName", "") if made else ""


def is_logging(session: AwsSession, region: str, trail_arn: str) -> bool:
    """Whether one trail logs; False too where it isn't there any more."""
    status = _status(session, region, trail_arn)
    return bool(status and status.get("IsLogging"))


def _status(session: AwsSession, region: str, trail_arn: str) -> "GetTrailStatusResponseTypeDef | None":
    """The status in `region`. By ARN: a trail that lives elsewhere isn't found by its name."""
    try:
        return ask(session.client("cloudtrail", region).get_trail_status, Name=trail_arn)
    except AwsFailure as refusal:
        if refusal.failure.kind in _STATUS_NOT_READABLE:
            return None
        raise


def _trail(listing: "TrailTypeDef", status: "GetTrailStatusResponseTypeDef | None", region: str) -> Trail:
    delivered_at = status.get("LatestDeliveryTime") if status else None
    since = status.get("StartLoggingTime") if status else None
    return Trail(
        arn=listing["TrailARN"],
        name=listing["Name"],
        region=region,
        home_region=listing.get("HomeRegion", region),
        bucket=listing.get("S3BucketName", ""),
        topic_arn=listing.get("SnsTopicARN", ""),
        is_multi_region=listing.get("IsMultiRegionTrail", False),
        is_organization=listing.get("IsOrganizationTrail", False),
        has_custom_selectors=listing.get("HasCustomEventSelectors", False),
        is_logging=status.get("IsLogging") if status else None,
        logging_since=since.astimezone(UTC) if since else None,
        latest_delivery_at=delivered_at.astimezone(UTC) if delivered_at else None,
        latest_delivery_error=status.get("LatestDeliveryError", "") if status else "",
        latest_notification_error=status.get("LatestNotificationError", "") if status else "",
    )
