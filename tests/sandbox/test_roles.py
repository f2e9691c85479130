"""Roles in stacks meet the refusals that IAM itself has."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.stack_steps import body, refusal, role, settled, told

ClientFactory = Callable[..., Any]
ALLOW = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


@pytest.fixture
def cloudformation(client: ClientFactory, account: str) -> Any:
    return client("cloudformation", account)


@pytest.fixture
def iam(client: ClientFactory, account: str) -> Any:
    return client("iam", account)


def create(cloudformation: Any, stack: str, **resources: Any) -> dict[str, Any]:
    cloudformation.create_stack(
        StackName=stack, TemplateBody=body(**resources), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    return settled(cloudformation, stack)


def reasons(cloudformation: Any, stack: str, status: str) -> list[str]:
    return [reason for _, s, reason in told(cloudformation, stack) if s == status]


def test_a_role_name_that_is_taken_fails_the_stack(cloudformation: Any) -> None:
    assert create(cloudformation, "one", Role=role(RoleName="Taken"))["StackStatus"] == "CREATE_COMPLETE"
    assert create(cloudformation, "two", Role=role(RoleName="Taken"))["StackStatus"] == "ROLLBACK_COMPLETE"
    (reason,) = reasons(cloudformation, "two", "CREATE_FAILED")
    assert "Role with name Taken already exists." in reason
    assert "HandlerErrorCode: AlreadyExists" in reason
    cloudformation.delete_stack(StackName="two")


def test_the_failed_stack_leaves_the_other_ones_role_alone(cloudformation: Any, iam: Any) -> None:
    create(cloudformation, "one", Role=role(RoleName="Taken"))
    create(cloudformation, "two", Role=role(RoleName="Taken"))
    assert iam.get_role(RoleName="Taken")["Role"]["RoleName"] == "Taken"


@pytest.mark.parametrize(
    ("spoil", "clean", "words"),
    [
        (
            lambda iam, name: iam.attach_role_policy(
                RoleName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
            ),
            lambda iam, name: iam.detach_role_policy(
                RoleName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
            ),
            "Cannot delete entity, must detach all policies first.",
        ),
        (
            lambda iam, name: iam.put_role_policy(RoleName=name, PolicyName="theirs", PolicyDocument=ALLOW),
            lambda iam, name: iam.delete_role_policy(RoleName=name, PolicyName="theirs"),
            "Cannot delete entity, must delete policies first.",
        ),
        (
            lambda iam, name: (
                iam.create_instance_profile(InstanceProfileName="p"),
                iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName=name),
            ),
            lambda iam, name: iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName=name),
            "Cannot delete entity, must remove roles from instance profile first.",
        ),
    ],
)
def test_what_others_put_on_a_role_stops_its_deletion(
    cloudformation: Any, iam: Any, spoil: Any, clean: Any, words: str
) -> None:
    stack_id = create(cloudformation, "old", OpSecSecurityAuditRole=role())["StackId"]
    (resource,) = cloudformation.list_stack_resources(StackName="old")["StackResourceSummaries"]
    name = resource["PhysicalResourceId"]
    spoil(iam, name)
    cloudformation.delete_stack(StackName="old")
    assert settled(cloudformation, "old")["StackStatus"] == "DELETE_FAILED"
    (reason,) = reasons(cloudformation, "old", "DELETE_FAILED")[:1]
    assert words in reason
    assert iam.get_role(RoleName=name)
    clean(iam, name)
    cloudformation.delete_stack(StackName="old")
    assert settled(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert refusal(iam.get_role, RoleName=name)[0] == "NoSuchEntity"


def test_a_forced_deletion_leaves_the_role_behind(cloudformation: Any, iam: Any) -> None:
    stack_id = create(cloudformation, "old", Role=role(RoleName="Left"))["StackId"]
    iam.put_role_policy(RoleName="Left", PolicyName="theirs", PolicyDocument=ALLOW)
    cloudformation.delete_stack(StackName="old")
    settled(cloudformation, "old")
    cloudformation.delete_stack(StackName="old", DeletionMode="FORCE_DELETE_STACK")
    assert settled(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert iam.get_role(RoleName="Left")
    states = {
        r["LogicalResourceId"]: r["ResourceStatus"]
        for r in cloudformation.list_stack_resources(StackName=stack_id)["StackResourceSummaries"]
    }
    assert states == {"Role": "DELETE_SKIPPED"}


def test_a_role_that_is_gone_already_counts_as_deleted(cloudformation: Any, iam: Any) -> None:
    stack_id = create(cloudformation, "old", Role=role(RoleName="Gone"))["StackId"]
    iam.delete_role(RoleName="Gone")
    cloudformation.delete_stack(StackName="old")
    assert settled(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_a_policy_that_does_not_exist_is_not_attached(cloudformation: Any) -> None:
    create(cloudformation, "s", Role=role(ManagedPolicyArns=["arn:aws:iam::aws:policy/NoSuchThing"]))
    assert (
        "Policy arn:aws:iam::aws:policy/NoSuchThing does not exist or is not attachable."
        in reasons(cloudformation, "s", "CREATE_FAILED")[0]
    )


def test_a_trusted_role_has_to_exist(cloudformation: Any) -> None:
    nobody = "arn:aws:iam::999988887777:role/Nobody"
    create(
        cloudformation,
        "s",
        Role=role(
            AssumeRolePolicyDocument={
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": nobody}}],
            }
        ),
    )
    assert (
        f'Invalid principal in policy: "AWS":"{nobody}"' in reasons(cloudformation, "s", "CREATE_FAILED")[0]
    )


@pytest.mark.parametrize(
    "name",
    ["SecurityAudit", "ReadOnlyAccess", "AdministratorAccess", "service-role/AWSLambdaBasicExecutionRole"],
)
def test_the_managed_policies_that_templates_use_exist(iam: Any, name: str) -> None:
    arn = f"arn:aws:iam::aws:policy/{name}"
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    assert document["Statement"]


def test_a_role_is_updated_in_place(cloudformation: Any, iam: Any) -> None:
    create(cloudformation, "s", Role=role(ManagedPolicyArns=["arn:aws:iam::aws:policy/SecurityAudit"]))
    (before,) = cloudformation.list_stack_resources(StackName="s")["StackResourceSummaries"]
    cloudformation.update_stack(
        StackName="s",
        Capabilities=["CAPABILITY_IAM"],
        TemplateBody=body(
            Role=role(ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"], MaxSessionDuration=7200)
        ),
    )
    assert settled(cloudformation, "s")["StackStatus"] == "UPDATE_COMPLETE"
    (after,) = cloudformation.list_stack_resources(StackName="s")["StackResourceSummaries"]
    name = after["PhysicalResourceId"]
    assert name == before["PhysicalResourceId"]
    assert iam.get_role(RoleName=name)["Role"]["MaxSessionDuration"] == 7200
    assert [p["PolicyName"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]] == [
        "ReadOnlyAccess"
    ]
