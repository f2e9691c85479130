"""Is the central side as the company's file says, and is each scenario the state its name promises?"""

import json
from typing import Any

import pytest

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.steering import eventually, keys, refused

BUCKET = "mozilla-cloudtrail-logs"
TOPIC = "arn:aws:sns:us-west-2:088944123687:MozillaCloudTrailLogs"


@pytest.fixture
def sandbox(cloud: str) -> Sandbox:
    return Sandbox(cloud)


@pytest.fixture
def worker(sandbox: Sandbox) -> dict[str, str]:
    return keys(sandbox.credentials(kind="worker"))


def assumed(client: ClientFactory, credentials: dict[str, str], role_arn: str) -> dict[str, Any]:
    sts = client("sts", credentials=credentials)
    found: dict[str, Any] = sts.assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
    return found


def status(client: ClientFactory, made: dict[str, Any], **more: Any) -> dict[str, Any]:
    stacks = client("cloudformation", made["account"], made["region"])
    found: dict[str, Any] = stacks.describe_stacks(StackName=made["stack_id"])["Stacks"][0]
    return found


def test_the_worker_reaches_the_central_roles_and_nothing_else(
    client: ClientFactory, worker: dict[str, str]
) -> None:
    admin = assumed(client, worker, "arn:aws:iam::088944123687:role/OnboardingStorageAdmin")
    s3 = client("s3", credentials=admin)
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert "111122223333" in json.dumps(policy)
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    topic = client("sns", credentials=admin).get_topic_attributes(TopicArn=TOPIC)
    assert "444455556666" in topic["Attributes"]["Policy"]
    iam = client("iam", credentials=admin)
    iam.get_role(RoleName="CloudTrailLogReader111122223333")
    assert refused(iam.get_role, RoleName="OnboardingStorageAdmin")[0] == "AccessDenied"
    assumed(client, worker, "arn:aws:iam::371522382791:role/InfosecAuditor")
    assert refused(client("iam", credentials=worker).list_roles)[0] == "AccessDenied"
    assert refused(client("s3", credentials=worker).get_bucket_policy, Bucket=BUCKET)[0] == "AccessDenied"


def test_every_scenario_is_described(sandbox: Sandbox) -> None:
    described = sandbox.scenarios()
    assert set(described) >= {
        "demo", "empty", "already-right", "half-finished", "old-stack-with-extra-resources",
        "same-name-other-content", "nested-old-stack", "stackset-old-stack", "termination-protected",
        "foreign-policy-on-old-role", "five-trails", "organization-trail", "stopped-trail",
        "exists-in-other-home", "review-in-progress", "not-admitted", "admission-denied", "scp-denied-region",
    }  # fmt: skip
    assert all(described.values())


@pytest.mark.parametrize(
    ("name", "resources"),
    [
        ("old-stack", {"OpSecSecurityAuditRole"}),
        ("old-stack-with-extra-resources", {"OpSecSecurityAuditRole", "OurOwnTopic"}),
        ("same-name-other-content", {"Alarms"}),
        ("stackset-old-stack", {"OpSecSecurityAuditRole"}),
        ("termination-protected", {"OpSecSecurityAuditRole"}),
    ],
)
def test_old_stacks_hold_what_they_should(
    sandbox: Sandbox, client: ClientFactory, account: str, name: str, resources: set[str]
) -> None:
    made = sandbox.scenario(name, account=account, region="ap-south-1")
    stack = status(client, made)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack.get("EnableTerminationProtection", False) is (name == "termination-protected")
    listed = client("cloudformation", account, "ap-south-1").list_stack_resources(StackName=made["stack_id"])
    assert {r["LogicalResourceId"] for r in listed["StackResourceSummaries"]} == resources


def test_a_nested_old_stack_names_its_parent(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    made = sandbox.scenario("nested-old-stack", account=account)
    assert status(client, made)["StackStatus"] == "CREATE_COMPLETE"
    stacks = client("cloudformation", account, made["region"]).describe_stacks()["Stacks"]
    [nested] = [s for s in stacks if "ParentId" in s]
    assert nested["ParentId"] == made["stack_id"]
    assert nested["Description"] == "OpSec Security Audit Role"


def test_an_old_role_with_a_foreign_policy_can_not_be_deleted(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    made = sandbox.scenario("foreign-policy-on-old-role", account=account)
    stacks = client("cloudformation", account, made["region"])
    stacks.delete_stack(StackName=made["stack_id"])
    eventually(lambda: status(client, made)["StackStatus"] == "DELETE_FAILED")


def test_other_states_of_our_own_stacks(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    made = sandbox.scenario("exists-in-other-home", account=account)
    assert (status(client, made)["StackStatus"], made["region"]) == ("CREATE_COMPLETE", "us-east-1")
    made = sandbox.scenario("review-in-progress", account=account)
    assert status(client, made)["StackStatus"] == "REVIEW_IN_PROGRESS"


def test_a_stopped_trail_is_ours_and_stopped(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    made = sandbox.scenario("stopped-trail", account=account)
    trails = client("cloudtrail", account, made["region"])
    [trail] = trails.describe_trails()["trailList"]
    assert trail["S3BucketName"] == BUCKET
    assert trails.get_trail_status(Name=trail["TrailARN"])["IsLogging"] is False


def test_a_region_with_five_trails_takes_no_sixth(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    made = sandbox.scenario("five-trails", account=account)
    trails = client("cloudtrail", account, made["region"])
    assert len(trails.describe_trails()["trailList"]) == 5
    code, _ = refused(trails.create_trail, Name="sixth", S3BucketName=f"own-trail-logs-{account}")
    assert code == "MaximumNumberOfTrailsExceededException"


def test_half_finished_is_half_finished(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    made = sandbox.scenario("half-finished", account=account)

    def found(name: str, region: str) -> str:
        return str(
            status(client, {"account": account, "region": region, "stack_id": made[name]})["StackStatus"]
        )

    assert found("roles", "us-west-2") == "CREATE_COMPLETE"
    assert found("parent", "us-west-2") == "ROLLBACK_COMPLETE"
    assert found("right", "eu-west-1") == "CREATE_COMPLETE"
    assert found("failed", "us-east-1") == "ROLLBACK_COMPLETE"


def test_with_admission_denied_the_portal_may_not_change_the_policies(
    sandbox: Sandbox, client: ClientFactory, account: str, worker: dict[str, str]
) -> None:
    made = sandbox.scenario("admission-denied", account=account)
    try:
        admin = assumed(client, worker, "arn:aws:iam::088944123687:role/OnboardingStorageAdmin")
        s3 = client("s3", credentials=admin)
        policy = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
        assert refused(s3.put_bucket_policy, Bucket=BUCKET, Policy=policy)[0] == "AccessDenied"
    finally:
        for number in made["faults"]:
            sandbox.clear_faults(number)


def test_an_scp_denies_one_region(sandbox: Sandbox, client: ClientFactory, account: str) -> None:
    made = sandbox.scenario("scp-denied-region", account=account)
    try:
        code, message = refused(client("cloudformation", account, made["region"]).list_stacks)
        assert code == "AccessDenied"
        assert message.endswith("with an explicit deny in a service control policy")
        client("cloudformation", account, "eu-west-1").list_stacks()
    finally:
        sandbox.clear_faults(made["fault"])


def test_already_right_deploys_what_it_is_given(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    with pytest.raises(SandboxError, match="needs the product's rendered stacks"):
        sandbox.scenario("already-right", account=account)
    trail = {"IsLogging": True, "S3BucketName": BUCKET}
    template = json.dumps({"Resources": {"Trail": {"Type": "AWS::CloudTrail::Trail", "Properties": trail}}})
    made = sandbox.scenario(
        "already-right",
        account=account,
        stacks=[{"name": "one", "region": "eu-west-2", "template": template, "tags": {"a": "b"}}],
    )
    [stack_id] = made["stack_ids"]
    found = status(client, {"account": account, "region": "eu-west-2", "stack_id": stack_id})
    assert (found["StackStatus"], found["Tags"]) == ("CREATE_COMPLETE", [{"Key": "a", "Value": "b"}])


def test_the_demo_has_three_owners(sandbox: Sandbox, client: ClientFactory) -> None:
    made = sandbox.scenario("demo")
    assert made["accounts"] == ["484535289196", "210987654321", "345678901234"]
    assert client("iam", "484535289196").list_account_aliases()["AccountAliases"] == ["mozilla-community-it"]
    [old] = client("cloudformation", "484535289196", "sa-east-1").describe_stacks()["Stacks"]
    assert (old["StackName"], old["Description"]) == ("infosec-audit-legacy", "OpSec Security Audit Role")
    trails = client("cloudtrail", "345678901234", "us-east-1").describe_trails()["trailList"]
    assert {t["Name"]: t["HomeRegion"] for t in trails} == {
        "web-team-audit": "us-east-1",
        "all-regions": "eu-west-1",
    }
