"""Does CloudTrail check what AWS checks, show trails where AWS shows them, and deliver logs?"""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.steering import eventually, refused

BUCKET = "mozilla-cloudtrail-logs"
TOPIC = "arn:aws:sns:us-west-2:088944123687:MozillaCloudTrailLogs"
STORAGE = "088944123687"


@pytest.fixture
def sandbox(cloud: str) -> Iterator[Sandbox]:
    steered = Sandbox(cloud)
    before = steered.settings()["log_delivery_seconds"]
    yield steered
    steered.settings(log_delivery_seconds=before)


@pytest.fixture
def admitted(sandbox: Sandbox, account: str) -> str:
    sandbox.scenario("admitted", account=account)
    return account


@pytest.fixture
def own_bucket(client: ClientFactory, account: str) -> str:
    name = f"own-{account}"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
             "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{name}"},
            {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
             "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{name}/*",
             "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}},
        ],
    }  # fmt: skip
    s3 = client("s3", account, "us-east-1")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    return name


def template(**properties: Any) -> str:
    return json.dumps({
        "Resources": {
            "Trail": {"Type": "AWS::CloudTrail::Trail", "Properties": {"IsLogging": True, **properties}}
        }
    })  # fmt: skip


def failed_reason(stacks: Any, name: str) -> str:
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    return next(
        str(e["ResourceStatusReason"])
        for e in events
        if e["ResourceStatus"] == "CREATE_FAILED" and e["LogicalResourceId"] == "Trail"
    )


def settled(stacks: Any, name: str) -> str:
    def status() -> str:
        found: str = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return "" if found.endswith("IN_PROGRESS") else found

    found: str = eventually(status)
    return found


def test_the_bucket_must_exist(client: ClientFactory, account: str) -> None:
    assert refused(client("cloudtrail", account).create_trail, Name="one", S3BucketName="no-such-bucket") == (
        "S3BucketDoesNotExistException",
        "S3 bucket no-such-bucket does not exist!",
    )


def test_the_buckets_policy_must_admit_the_account(client: ClientFactory, account: str) -> None:
    assert refused(client("cloudtrail", account).create_trail, Name="one", S3BucketName=BUCKET) == (
        "InsufficientS3BucketPolicyException",
        f"Incorrect S3 bucket policy is detected for bucket: {BUCKET}",
    )


def test_an_admitted_account_may_deliver_from_any_region(client: ClientFactory, admitted: str) -> None:
    trail = client("cloudtrail", admitted, "eu-west-3").create_trail(
        Name="ours", S3BucketName=BUCKET, SnsTopicName=TOPIC
    )
    assert trail["TrailARN"] == f"arn:aws:cloudtrail:eu-west-3:{admitted}:trail/ours"
    assert trail["SnsTopicARN"] == TOPIC


@pytest.mark.parametrize("key", ["aws:SourceArn", "aws:SourceAccount"])
def test_the_policys_conditions_count(client: ClientFactory, account: str, own_bucket: str, key: str) -> None:
    trails, s3 = client("cloudtrail", account, "us-east-1"), client("s3", account, "us-east-1")
    values = {"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:{}:trail/named", "aws:SourceAccount": "{}"}
    policy = json.loads(s3.get_bucket_policy(Bucket=own_bucket)["Policy"])
    for owner, admits in (("000000000001", False), (account, True)):
        for statement in policy["Statement"]:
            statement.setdefault("Condition", {})["StringLike"] = {key: values[key].format(owner)}
        s3.put_bucket_policy(Bucket=own_bucket, Policy=json.dumps(policy))
        if admits:
            trails.create_trail(Name="named", S3BucketName=own_bucket)
        else:
            code, _message = refused(trails.create_trail, Name="named", S3BucketName=own_bucket)
            assert code == "InsufficientS3BucketPolicyException"


def test_the_topic_must_exist_and_admit(client: ClientFactory, account: str, own_bucket: str) -> None:
    trails = client("cloudtrail", account, "us-east-1")
    for topic in (TOPIC, "no-such-topic"):
        assert refused(trails.create_trail, Name="one", S3BucketName=own_bucket, SnsTopicName=topic) == (
            "InsufficientSnsTopicPolicyException",
            "SNS Topic does not exist or the topic policy is incorrect!",
        )
    code, _message = refused(
        trails.create_trail, Name="one", S3BucketName=own_bucket, SnsTopicName="not a topic!"
    )
    assert code == "InvalidSnsTopicNameException"


@pytest.mark.parametrize("name", ["ab", "a" * 129, "-abc", "abc-", "a--b", "a b c", "192.168.5.4"])
def test_names_follow_the_rules(client: ClientFactory, account: str, own_bucket: str, name: str) -> None:
    code, _message = refused(client("cloudtrail", account).create_trail, Name=name, S3BucketName=own_bucket)
    assert code == "InvalidTrailNameException"


def test_a_name_is_taken_once_per_region(client: ClientFactory, account: str, own_bucket: str) -> None:
    client("cloudtrail", account, "us-east-1").create_trail(Name="one", S3BucketName=own_bucket)
    assert refused(
        client("cloudtrail", account, "us-east-1").create_trail, Name="one", S3BucketName=own_bucket
    ) == ("TrailAlreadyExistsException", f"Trail one already exists for customer: {account}")
    client("cloudtrail", account, "us-east-2").create_trail(Name="one", S3BucketName=own_bucket)


def test_a_multi_region_trail_needs_global_events(
    client: ClientFactory, account: str, own_bucket: str
) -> None:
    assert refused(
        client("cloudtrail", account).create_trail,
        Name="all",
        S3BucketName=own_bucket,
        IsMultiRegionTrail=True,
        IncludeGlobalServiceEvents=False,
    ) == ("InvalidParameterCombinationException", "Multi-Region trail must include global service events.")


def test_shadows_are_seen_everywhere_and_changed_at_home_only(
    client: ClientFactory, account: str, own_bucket: str
) -> None:
    home = client("cloudtrail", account, "eu-west-1")
    arn = home.create_trail(Name="all", S3BucketName=own_bucket, IsMultiRegionTrail=True)["TrailARN"]
    away = client("cloudtrail", account, "us-west-2")
    assert [t["HomeRegion"] for t in away.describe_trails()["trailList"]] == ["eu-west-1"]
    assert away.describe_trails(includeShadowTrails=False)["trailList"] == []
    assert away.get_trail(Name=arn)["Trail"]["IsMultiRegionTrail"] is True
    assert away.list_trails()["Trails"] == [{"TrailARN": arn, "Name": "all", "HomeRegion": "eu-west-1"}]
    for act in (away.start_logging, away.stop_logging, away.delete_trail, away.update_trail):
        assert refused(act, Name=arn)[0] == "InvalidHomeRegionException"
    home.start_logging(Name="all")
    assert away.get_trail_status(Name=arn)["IsLogging"] is True
    home.delete_trail(Name="all")
    code, message = refused(away.get_trail, Name=arn)
    assert (code, message) == ("TrailNotFoundException", f"Unknown trail: {arn} for the user: {account}")


def test_five_trails_fit_into_a_region_counting_shadows(
    client: ClientFactory, account: str, own_bucket: str
) -> None:
    client("cloudtrail", account, "eu-west-1").create_trail(
        Name="all", S3BucketName=own_bucket, IsMultiRegionTrail=True
    )
    trails = client("cloudtrail", account, "us-east-1")
    for number in range(4):
        trails.create_trail(Name=f"own-{number}", S3BucketName=own_bucket)
    assert refused(trails.create_trail, Name="sixth", S3BucketName=own_bucket) == (
        "MaximumNumberOfTrailsExceededException",
        f"User: {account} already has 5 trails in us-east-1.",
    )


def test_selectors_and_tags_are_kept(client: ClientFactory, account: str, own_bucket: str) -> None:
    trails = client("cloudtrail", account)
    arn = trails.create_trail(Name="one", S3BucketName=own_bucket, TagsList=[{"Key": "a", "Value": "b"}])[
        "TrailARN"
    ]
    assert trails.get_event_selectors(TrailName="one")["EventSelectors"][0]["ReadWriteType"] == "All"
    trails.put_event_selectors(TrailName="one", EventSelectors=[{"ReadWriteType": "WriteOnly"}])
    assert trails.get_event_selectors(TrailName="one")["EventSelectors"][0]["ReadWriteType"] == "WriteOnly"
    assert trails.get_trail(Name="one")["Trail"]["HasCustomEventSelectors"] is True
    assert trails.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"] == [
        {"Key": "a", "Value": "b"}
    ]


def test_an_organization_trail_is_seen_but_not_touched_by_a_member(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    sandbox.scenario("organization-trail", account=account)
    trails = client("cloudtrail", account, "eu-west-1")
    [trail] = trails.describe_trails()["trailList"]
    assert trail["IsOrganizationTrail"] is True
    assert trails.describe_trails(includeShadowTrails=False)["trailList"] == []
    assert trails.get_trail_status(Name=trail["TrailARN"])["IsLogging"] is True
    assert refused(trails.stop_logging, Name=trail["TrailARN"])[0] == "NotOrganizationMasterAccountException"


def test_a_stack_makes_a_named_trail_that_logs_and_takes_it_away(
    client: ClientFactory, admitted: str
) -> None:
    stacks, trails = client("cloudformation", admitted), client("cloudtrail", admitted)
    stacks.create_stack(
        StackName="with-trail",
        TemplateBody=template(S3BucketName=BUCKET, SnsTopicName=TOPIC),
        Tags=[{"Key": "team", "Value": "infosec"}],
    )
    assert settled(stacks, "with-trail") == "CREATE_COMPLETE"
    [trail] = trails.describe_trails()["trailList"]
    assert trail["Name"].startswith("with-trail-Trail-")
    assert trails.get_trail_status(Name=trail["Name"])["IsLogging"] is True
    tags = trails.list_tags(ResourceIdList=[trail["TrailARN"]])["ResourceTagList"][0]["TagsList"]
    assert {"Key": "team", "Value": "infosec"} in tags
    stacks.update_stack(StackName="with-trail", TemplateBody=template(S3BucketName=BUCKET, IsLogging=False))
    assert settled(stacks, "with-trail") == "UPDATE_COMPLETE"
    assert trails.get_trail_status(Name=trail["Name"])["IsLogging"] is False
    assert "SnsTopicARN" not in trails.get_trail(Name=trail["Name"])["Trail"]
    stacks.delete_stack(StackName="with-trail")
    eventually(lambda: not trails.describe_trails()["trailList"])


@pytest.mark.parametrize(
    ("properties", "inner", "code"),
    [
        (
            {"S3BucketName": BUCKET},
            f"Incorrect S3 bucket policy is detected for bucket: {BUCKET}",
            "InvalidRequest",
        ),
        ({"S3BucketName": "no-such-bucket"}, "S3 bucket no-such-bucket does not exist!", "InvalidRequest"),
    ],
)
def test_a_stack_reports_what_cloudtrail_refuses(
    client: ClientFactory, account: str, properties: dict[str, str], inner: str, code: str
) -> None:
    stacks = client("cloudformation", account)
    stacks.create_stack(StackName="refused", TemplateBody=template(**properties))
    assert settled(stacks, "refused") == "ROLLBACK_COMPLETE"
    reason = failed_reason(stacks, "refused")
    assert reason.startswith(
        f'Resource handler returned message: "Invalid request provided: {inner} '
        "(Service: CloudTrail, Status Code: 400"
    )
    assert reason.endswith(f"HandlerErrorCode: {code})")


def test_logs_arrive_in_the_bucket_and_again_later(
    sandbox: Sandbox, client: ClientFactory, admitted: str
) -> None:
    sandbox.settings(log_delivery_seconds=60)
    trails = client("cloudtrail", admitted, "eu-west-2")
    trails.create_trail(Name="ours", S3BucketName=BUCKET, SnsTopicName=TOPIC)
    assert "LatestDeliveryTime" not in trails.get_trail_status(Name="ours")
    trails.start_logging(Name="ours")
    s3 = client("s3", STORAGE)
    prefix = f"AWSLogs/{admitted}/CloudTrail/eu-west-2/"

    def delivered() -> list[str]:
        return [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    [key, *_more] = eventually(delivered)
    assert key.endswith(".json.gz")
    assert f"/{admitted}_CloudTrail_eu-west-2_" in key
    records = json.loads(gzip.decompress(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()))["Records"]
    assert {r["recipientAccountId"] for r in records} == {admitted}
    assert {r["awsRegion"] for r in records} == {"eu-west-2"}
    status = trails.get_trail_status(Name="ours")
    assert status["LatestDeliveryTime"] >= status["StartLoggingTime"]
    assert "LatestDeliveryError" not in status
    assert "LatestNotificationTime" in status
    eventually(lambda: len(delivered()) > 1 or not trails.describe_trails()["trailList"])


def test_delivery_fails_once_the_account_is_no_longer_admitted(
    sandbox: Sandbox, client: ClientFactory, admitted: str
) -> None:
    sandbox.settings(log_delivery_seconds=60)
    trails = client("cloudtrail", admitted)
    trails.create_trail(Name="ours", S3BucketName=BUCKET)
    sandbox.scenario("not-admitted", account=admitted)
    trails.start_logging(Name="ours")
    error = eventually(lambda: trails.get_trail_status(Name="ours").get("LatestDeliveryError"))
    assert error == "AccessDenied"
    sandbox.scenario("admitted", account=admitted)
    eventually(lambda: "LatestDeliveryTime" in trails.get_trail_status(Name="ours"))
    assert "LatestDeliveryError" not in trails.get_trail_status(Name="ours")


def test_what_happened_can_be_looked_up(client: ClientFactory, account: str, own_bucket: str) -> None:
    trails = client("cloudtrail", account, "us-east-1")
    trails.create_trail(Name="one", S3BucketName=own_bucket)
    [event] = trails.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateTrail"}]
    )["Events"]
    assert event["EventSource"] == "cloudtrail.amazonaws.com"
    assert event["ReadOnly"] == "false"
