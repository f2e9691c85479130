"""What goes wrong with the old stack: never deleted in doubt, and whatever is left says who must act."""

import json
from datetime import timedelta
from typing import Any

import pytest

from onboarding.engine import deadlines
from onboarding.engine.drive import drive
from onboarding.models import Run
from onboarding.states import RunStatus, Stage, StepKind, StepStatus
from tests.engine.conftest import Owner
from tests.failures.conftest import (
    PARENT,
    ROLES,
    OwnerOf,
    Told,
    approved,
    assert_told,
    look,
    onboarded,
    planned,
    url_of,
)

S = RunStatus
NAME = "opsec-security-audit-role"
OLD_PRINCIPAL = "arn:aws:iam::656532927350:role/OpSecTrustedAuditor"
BOTH = (ROLES, PARENT)


def deleted(region: str = "sa-east-1", name: str = NAME) -> tuple[str, str, str]:
    return ("DeleteStack", region, name)


def old_template(*, outputs: dict[str, Any] | None = None, **role: Any) -> str:
    """The old stack's template; `role` adds to its one resource."""
    trust = {"Effect": "Allow", "Principal": {"AWS": OLD_PRINCIPAL}, "Action": "sts:AssumeRole"}
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "ManagedPolicyArns": ["arn:aws:iam::aws:policy/SecurityAudit"],
    }
    return json.dumps(
        {
            "Description": "OpSec Security Audit Role",
            "Resources": {
                "OpSecSecurityAuditRole": {"Type": "AWS::IAM::Role", "Properties": properties, **role}
            },
            **({"Outputs": outputs} if outputs else {}),
        }
    )


def make_stack(owner: Owner, name: str, template: str, region: str = "sa-east-1", **more: Any) -> str:
    """A stack as its owner made it, years ago; its id."""
    cloudformation = owner.client("cloudformation", region)
    made = cloudformation.create_stack(
        StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"], **more
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
    )
    return str(made["StackId"])


def role_of_stack(owner: Owner, name: str = NAME, region: str = "sa-east-1") -> str:
    listed = owner.client("cloudformation", region).list_stack_resources(StackName=name)
    return str(listed["StackResourceSummaries"][0]["PhysicalResourceId"])


def removal(run: Run) -> Any:
    return run.steps.get(kind=StepKind.REMOVE_STACK)


def test_27_none_anywhere(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = planned(owner)
    assert "No old audit stack was found in the 17 regions searched" in look(owner, url_of("plan", run)).words
    owner.approve(run)
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=BOTH))


def test_28_none_found_but_a_region_could_not_be_searched(owner_of: OwnerOf) -> None:
    owner = owner_of()
    owner.cloud.fault(kind="scp-denied", region="ap-south-1", account=owner.account.number)
    run = planned(owner)
    words = look(owner, url_of("plan", run)).words
    assert "No old audit stack was found in the 16 regions searched" in words
    assert "deny access here: neither searched nor changed" in words
    assert "ap-south-1" in words
    assert_told(owner, run, Told(S.PLANNED, act="plan"))


def test_29_several_each_in_its_own_region(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    make_stack(owner, "drifted-name", old_template(), "eu-west-1")
    run = planned(owner)
    words = look(owner, url_of("plan", run)).words
    assert "Deletes 2 stacks" in words
    assert "drifted-name" in words
    owner.approve(run)
    removals = (deleted(), deleted("eu-west-1", "drifted-name"))
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=(*BOTH, *removals)))
    steps = run.steps.filter(kind=StepKind.REMOVE_STACK)
    assert [step.status for step in steps] == [StepStatus.FINISHED, StepStatus.FINISHED]


@pytest.mark.parametrize("scenario", ["nested-old-stack", "stackset-old-stack"])
def test_31_managed_by_another_stack_or_a_stack_set(owner_of: OwnerOf, scenario: str) -> None:
    owner = owner_of(scenario)
    run = planned(owner)
    words = look(owner, url_of("plan", run)).words
    assert "belongs to another stack or a StackSet. It is not touched" in words
    owner.approve(run)
    run = drive(run.pk)
    told = Told(
        S.PARTLY_DONE, "old_role_in_stack", ("The old role still exists",), act="start-again", writes=BOTH
    )
    assert_told(owner, run, told)


def test_33_busy_with_another_change(owner_of: OwnerOf) -> None:
    """Waited for as long as it takes; nothing else of the run suffers."""
    owner = owner_of("old-stack")
    run = approved(owner)
    number = owner.cloud.fault(
        kind="refuse",
        service="cloudformation",
        action="DeleteStack",
        account=owner.account.number,
        code="ValidationError",
        message=f"Stack [{NAME}] cannot be deleted while in status UPDATE_IN_PROGRESS",
        count=4,
    )
    told = Told(S.VERIFIED, act="logs", writes=(*BOTH, deleted()))
    assert_told(owner, drive(run.pk), told)
    assert next(each["played"] for each in owner.cloud.faults() if each["number"] == number) == 4


def test_33_busy_for_an_hour(owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = owner_of("old-stack")
    run = approved(owner)
    monkeypatch.setitem(deadlines.STEP_LIMITS, Stage.REMOVE, timedelta(seconds=1))
    owner.cloud.fault(
        kind="refuse",
        service="cloudformation",
        action="DeleteStack",
        account=owner.account.number,
        code="ValidationError",
        message=f"Stack [{NAME}] cannot be deleted while in status UPDATE_IN_PROGRESS",
    )
    words = (
        f"AWS is still busy with the stack {NAME}",
        "Wait until the stack has settled",
        "UPDATE_IN_PROGRESS",
    )
    told = Told(S.PARTLY_DONE, "stack_busy", words, act="retry", writes=BOTH)
    run = drive(run.pk)
    assert_told(owner, run, told)


def test_34_its_export_is_in_use(owner_of: OwnerOf) -> None:
    owner = owner_of()
    outputs = {"Role": {"Value": {"Ref": "OpSecSecurityAuditRole"}, "Export": {"Name": "OpSecRole"}}}
    make_stack(owner, NAME, old_template(outputs=outputs))
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": "OpSecRole"}}}
    make_stack(owner, "reporting", json.dumps({"Resources": {"Topic": topic}}))
    run = onboarded(owner)
    words = ("Another stack uses this one", "OpSecRole", "Change or delete the stack reporting first")
    told = Told(S.PARTLY_DONE, "export_in_use", words, act="retry", writes=(*BOTH, deleted()))
    assert_told(owner, run, told)
    assert owner.status("sa-east-1", NAME) == "CREATE_COMPLETE"


def test_35_it_works_with_a_service_role(owner_of: OwnerOf) -> None:
    """AWS would act with that role's rights, which nobody can narrow: left to its owner, with the command."""
    owner = owner_of()
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"},
             "Action": "sts:AssumeRole"}  # fmt: skip
    iam = owner.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="cfn-service", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="cfn-service", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    make_stack(owner, NAME, old_template(), RoleARN=arn)
    run = planned(owner)
    words = look(owner, url_of("plan", run)).words
    assert f"works with a service role of its own, {arn}" in words
    assert f"aws cloudformation delete-stack --region sa-east-1 --stack-name {NAME}" in words
    owner.approve(run)
    told = Told(S.PARTLY_DONE, "old_role_in_stack", act="start-again", writes=BOTH)
    assert_told(owner, drive(run.pk), told)


def test_35_its_service_role_is_gone(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = approved(owner)
    owner.cloud.fault(
        kind="refuse",
        service="cloudformation",
        action="DeleteStack",
        account=owner.account.number,
        code="ValidationError",
        message="Role arn:aws:iam::111122223333:role/gone is invalid or cannot be assumed",
    )
    words = ("service role is gone", "role/gone is invalid", "Create that role again")
    told = Told(S.PARTLY_DONE, "stack_role_gone", words, act="retry", writes=BOTH)
    assert_told(owner, drive(run.pk), told)


def test_37_a_permission_to_delete_is_missing(owner_of: OwnerOf) -> None:
    """Found out by AWS alone, where the simulator may not be asked beforehand."""
    owner = owner_of("old-stack")
    deny = {"Effect": "Deny", "Action": "iam:DeleteRole", "Resource": "*"}
    owner.client("iam").put_role_policy(
        RoleName="AccountAdministrator",
        PolicyName="NoDeletions",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    owner.cloud.fault(kind="access-denied", action="SimulatePrincipalPolicy", account=owner.account.number)
    run = onboarded(owner)
    words = ("A permission to delete is missing", "doesn’t allow iam:DeleteRole, which", "Delete")
    told = Told(S.PARTLY_DONE, "delete_denied", words, act="retry", writes=(*BOTH, deleted()))
    assert_told(owner, run, told)
    assert removal(run).failure["operation"] == "DeleteStack"


def test_38_its_role_was_deleted_by_hand(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = approved(owner)
    iam, role = owner.client("iam"), role_of_stack(owner)
    iam.detach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/SecurityAudit")
    iam.delete_role(RoleName=role)
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=(*BOTH, deleted())))
    assert removal(run).aws_status == "DELETE_COMPLETE"


def test_39_its_role_survives_it(owner_of: OwnerOf) -> None:
    """Success of the deletion proves nothing: the role is asked for, and still there."""
    owner = owner_of()
    make_stack(owner, NAME, old_template(DeletionPolicy="Retain"))
    role = role_of_stack(owner)
    run = onboarded(owner)
    words = ("The old role still exists", role, "Whoever had access through it still has", "Delete")
    told = Told(S.PARTLY_DONE, "old_role_left", words, act="retry", writes=(*BOTH, deleted()))
    assert_told(owner, run, told)
    assert removal(run).aws_status == "DELETE_COMPLETE"


@pytest.mark.parametrize("action", ["DeleteStack", "CreateStack"])
def test_40_the_answer_is_lost(owner_of: OwnerOf, action: str) -> None:
    """Looked at again before it is asked again, and then with the same token: done once."""
    owner = owner_of("old-stack")
    run = approved(owner)
    owner.cloud.fault(
        kind="answer-lost",
        service="cloudformation",
        action=action,
        region="sa-east-1" if action == "DeleteStack" else "us-west-2",
        account=owner.account.number,
        count=3,
    )
    run = drive(run.pk)
    # As often as botocore asked it, with one token; then the portal looked, and saw that it was done.
    lost = deleted() if action == "DeleteStack" else ROLES
    others = [write for write in (*BOTH, deleted()) if write != lost]
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=(*others, lost, lost, lost)))
    assert {step.attempts for step in run.steps.exclude(token="")} == {1}
