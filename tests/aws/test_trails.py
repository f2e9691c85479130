"""What a region's trails say of themselves."""

from datetime import UTC, datetime

import pytest

from onboarding.aws import trails
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession
from onboarding.observed import Trail
from tests.aws.conftest import StubFactory

REGION = "eu-west-1"
ARN = "arn:aws:cloudtrail:us-east-1:484535289196:trail/all-regions"
LISTED = {
    "Name": "all-regions",
    "TrailARN": ARN,
    "HomeRegion": "us-east-1",
    "S3BucketName": "logs",
    "SnsTopicARN": "arn:aws:sns:us-west-2:088944123687:Topic",
    "IsMultiRegionTrail": True,
    "IsOrganizationTrail": True,
}
SHADOWS_TOO = {"includeShadowTrails": True}


def test_a_trail_is_read_with_its_status_in_this_region(session: AwsSession, stub: StubFactory) -> None:
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    cloudtrail = stub("cloudtrail", REGION)
    cloudtrail.add_response("describe_trails", {"trailList": [LISTED]}, SHADOWS_TOO)
    status = {
        "IsLogging": True,
        "StartLoggingTime": at,
        "LatestDeliveryTime": at,
        "LatestDeliveryError": "AccessDenied",
        "LatestNotificationError": "NotFound",
    }
    # By ARN: in a region where only its shadow is, the name isn't found.
    cloudtrail.add_response("get_trail_status", status, {"Name": ARN})
    (trail,) = trails.read_trails(session, REGION)
    assert trail == Trail(
        arn=ARN, name="all-regions", region=REGION, home_region="us-east-1", bucket="logs",
        topic_arn="arn:aws:sns:us-west-2:088944123687:Topic", is_multi_region=True, is_organization=True,
        is_logging=True, logging_since=at, latest_delivery_at=at, latest_delivery_error="AccessDenied",
        latest_notification_error="NotFound",
    )  # fmt: skip
    assert trail.is_shadow


@pytest.mark.parametrize("code", ["AccessDeniedException", "TrailNotFoundException"])
def test_a_status_that_may_not_be_read_is_unknown(session: AwsSession, stub: StubFactory, code: str) -> None:
    cloudtrail = stub("cloudtrail", REGION)
    cloudtrail.add_response("describe_trails", {"trailList": [LISTED]}, SHADOWS_TOO)
    cloudtrail.add_client_error("get_trail_status", code, "no")
    (trail,) = trails.read_trails(session, REGION)
    assert trail.is_logging is None
    assert trail.latest_delivery_at is None


def test_a_fault_while_reading_a_status_is_not_hidden(session: AwsSession, stub: StubFactory) -> None:
    cloudtrail = stub("cloudtrail", REGION)
    cloudtrail.add_response("describe_trails", {"trailList": [LISTED]}, SHADOWS_TOO)
    cloudtrail.add_client_error("get_trail_status", "ThrottlingException", "Rate exceeded")
    with pytest.raises(AwsFailure):
        trails.read_trails(session, REGION)
