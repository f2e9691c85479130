"""The templates at work in the stand-in cloud, with no rights but those of the hand-over role."""

import json
import time
import urllib.request
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from onboarding.blueprint import (
    Blueprint,
    StackBlueprint,
    handover_parameters,
    is_current,
    roles_parameters,
    trails_parameters,
)
from tests.sandbox.conftest import ClientFactory, client, cloud

__all__ = ["client", "cloud"]

# The stand-in's central side admits this account from the start.
ACCOUNT = "111122223333"
EXTERNAL_ID = str(uuid.uuid4())


def _worker(cloud: str) -> dict[str, Any]:
    asked = json.dumps({"account": "777788889999", "kind": "worker"}).encode()
    request = urllib.request.Request(f"{cloud}/_sandbox/credentials", data=asked, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        credentials: dict[str, Any] = json.load(answer)
    return credentials


def _settled(cloudformation: Any, stack_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(0.1)
    raise AssertionError("The stack did not settle.")


def _deploy(
    cloudformation: Any,
    stack: StackBlueprint,
    parameters: Mapping[str, str],
    *,
    update: bool = False,
    body: str = "",
) -> dict[str, Any]:
    send = cloudformation.update_stack if update else cloudformation.create_stack
    answer = send(
        StackName=stack.stack_name,
        TemplateBody=body or stack.template.body,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=list(stack.capabilities),
        Tags=[{"Key": name, "Value": value} for name, value in stack.tags.items()],
    )
    return _settled(cloudformation, answer["StackId"])


def _outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


@pytest.fixture(scope="module")
def handed_over(cloud: str, client: ClientFactory, blueprint: Blueprint) -> dict[str, Any]:
    """A session of the hand-over role that the owner made from our template."""
    parameters = handover_parameters(
        blueprint, external_id=EXTERNAL_ID, expires_at=datetime.now(UTC) + timedelta(hours=72)
    )
    stack = _deploy(client("cloudformation", ACCOUNT), blueprint.handover, parameters)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    sts = client("sts", credentials=_worker(cloud))
    session: dict[str, Any] = sts.assume_role(
        RoleArn=_outputs(stack)["RoleArn"], RoleSessionName="onb-test", ExternalId=EXTERNAL_ID
    )["Credentials"]
    return session


@pytest.fixture(scope="module")
def regions(client: ClientFactory, handed_over: dict[str, Any]) -> list[str]:
    found = client("ec2", region="us-east-1", credentials=handed_over).describe_regions()["Regions"]
    return [one["RegionName"] for one in found if one["OptInStatus"] != "not-opted-in"]


def test_the_handover_role_opens_only_with_its_external_id(
    cloud: str, client: ClientFactory, handed_over: dict[str, Any], blueprint: Blueprint
) -> None:
    sts = client("sts", credentials=_worker(cloud))
    role = f"arn:aws:iam::{ACCOUNT}:role/{blueprint.company.portal.handover_role_name}"
    for wrong in ({}, {"ExternalId": str(uuid.uuid4())}):
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role(RoleArn=role, RoleSessionName="onb-test", **wrong)


def test_the_handover_role_makes_no_role_by_itself(
    client: ClientFactory, handed_over: dict[str, Any]
) -> None:
    iam = client("iam", region="us-east-1", credentials=handed_over)
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.create_role(RoleName="InfosecClientRoles-mine", AssumeRolePolicyDocument="{}")


def test_infosecs_roles_are_made_with_the_handover_role(
    client: ClientFactory, handed_over: dict[str, Any], blueprint: Blueprint
) -> None:
    stack = _deploy(
        client("cloudformation", credentials=handed_over), blueprint.roles, roles_parameters(blueprint)
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert set(_outputs(stack)) == {"SecurityAuditRoleArn", "IncidentResponseRoleArn"}
    parameters = {one["ParameterKey"]: one.get("ParameterValue", "") for one in stack["Parameters"]}
    tags = {one["Key"]: one["Value"] for one in stack["Tags"]}
    assert is_current(blueprint.roles, roles_parameters(blueprint), tags=tags, parameters=parameters)


def test_trails_in_every_region_one_failing_then_retried_then_all_removed(
    client: ClientFactory, handed_over: dict[str, Any], regions: list[str], blueprint: Blueprint
) -> None:
    cloudformation = client("cloudformation", credentials=handed_over)
    full = client("cloudtrail", ACCOUNT, region="eu-west-1")
    bucket = _owners_bucket(client)
    for number in range(5):
        full.create_trail(Name=f"own-{number}", S3BucketName=bucket)

    parameters = trails_parameters(blueprint, regions=regions, choices={}, attempt=1)
    stack = _deploy(cloudformation, blueprint.trails, parameters)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = _outputs(stack)
    assert (outputs["Covered"], outputs["Failed"]) == (str(len(regions) - 1), "1")
    assert "already has 5 trails in eu-west-1" in outputs["Reasons"]
    assert _logging(client, handed_over, regions, blueprint) == set(regions) - {"eu-west-1"}

    full.delete_trail(Name="own-0")
    parameters = trails_parameters(blueprint, regions=regions, choices={}, attempt=2)
    stack = _deploy(cloudformation, blueprint.trails, parameters, update=True)
    assert (stack["StackStatus"], _outputs(stack)["Covered"]) == ("UPDATE_COMPLETE", str(len(regions)))
    assert _logging(client, handed_over, regions, blueprint) == set(regions)

    # The function that ran is the one in the template: a word changed in a copy comes back.
    body = blueprint.trails.template.body.replace('or "none"', 'or "no reason, says the copy"')
    parameters["Attempt"] = "3"
    stack = _deploy(cloudformation, blueprint.trails, parameters, update=True, body=body)
    assert _outputs(stack)["Reasons"] == "no reason, says the copy"

    cloudformation.delete_stack(StackName=stack["StackId"])
    assert _settled(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert _logging(client, handed_over, regions, blueprint) == set()
    assert len(full.describe_trails(includeShadowTrails=False)["trailList"]) == 4


def _owners_bucket(client: ClientFactory) -> str:
    name = f"owners-logs-{uuid.uuid4()}"
    s3 = client("s3", ACCOUNT)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    delivery = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": ["s3:GetBucketAcl", "s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [delivery]}))
    return name


def _logging(
    client: ClientFactory, session: dict[str, Any], regions: list[str], blueprint: Blueprint
) -> set[str]:
    """The regions with one trail of ours that is logging and as the blueprint wants it."""
    storage = blueprint.company.storage
    found = set()
    for region in regions:
        cloudtrail = client("cloudtrail", region=region, credentials=session)
        trails = cloudtrail.describe_trails(includeShadowTrails=False)["trailList"]
        ours = [one for one in trails if one["S3BucketName"] == storage.bucket]
        if not ours:
            continue
        (trail,) = ours
        assert trail["SnsTopicARN"] == storage.topic_arn
        assert trail["LogFileValidationEnabled"]
        assert not trail["IsMultiRegionTrail"]
        assert trail["IncludeGlobalServiceEvents"] is (region == "us-east-1")
        if cloudtrail.get_trail_status(Name=trail["TrailARN"])["IsLogging"]:
            found.add(region)
    return found
