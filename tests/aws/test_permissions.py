"""Each stage's session does its own work, and nothing else; seen with the product's own stacks and roles."""

import json
import time
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase as fnmatch
from typing import Any

import pytest

from onboarding.aws import central, handover, permissions, roles, stacks, trails
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession, assume_role
from onboarding.blueprint import build_blueprint, handover_parameters, roles_parameters, trails_parameters
from onboarding.company import Company
from onboarding.credentials import RoleHandOver
from onboarding.observed import Stack
from onboarding.states import FailureKind, Stage
from tests.aws.conftest import StandIn

ACCOUNT = "484535289196"
HOME = "us-west-2"
REGIONS = ["eu-west-1", "us-east-1"]


def stack_id(number: int) -> str:
    name = f"some-name-that-somebody-gave-it-{number}"
    return (
        f"arn:aws:cloudformation:ap-southeast-2:{ACCOUNT}:stack/{name}/6f2b2c1e-7c39-4f6b-9a54-{number:012}"
    )


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("old_stacks", [0, 1, 7, 15, 40])
def test_a_session_policy_always_fits(company: Company, stage: Stage, old_stacks: int) -> None:
    policy = permissions.session_policy(
        stage,
        company,
        ACCOUNT,
        stack_ids=[stack_id(n) for n in range(old_stacks)],
        regions=company.home.regions,
    )
    assert len(policy) <= permissions.LONGEST_POLICY
    assert json.loads(policy)["Version"] == "2012-10-17"


def test_the_central_policies_fit(company: Company) -> None:
    for policy in (permissions.storage_policy(company), permissions.auditor_policy(company)):
        assert len(policy) <= permissions.LONGEST_POLICY


def resources_for(policy: str, action: str) -> list[str]:
    statements = json.loads(policy)["Statement"]
    return [
        each for statement in statements if action in statement["Action"] for each in statement["Resource"]
    ]


def test_from_the_auditor_one_gets_into_the_stacks_own_roles_alone(company: Company) -> None:
    """In whichever account: which one it is, is checked when its owner names the role."""
    policy = permissions.auditor_policy(company)
    assert {action for each in json.loads(policy)["Statement"] for action in each["Action"]} == {
        "sts:AssumeRole"
    }
    (pattern,) = resources_for(policy, "sts:AssumeRole")
    stack_name = company.roles.stack_name
    assert fnmatch(f"arn:aws:iam::{ACCOUNT}:role/{stack_name}-SecurityAuditRole-ABCDEFGHIJKLM", pattern)
    for other in (company.portal.handover_role_name, "Admin", f"x/{stack_name}-SecurityAuditRole-A"):
        assert not fnmatch(f"arn:aws:iam::{ACCOUNT}:role/{other}", pattern), other


def test_only_the_approved_old_stacks_may_be_deleted(company: Company) -> None:
    few = [stack_id(1), stack_id(2)]
    policy = permissions.session_policy(Stage.REMOVE, company, ACCOUNT, stack_ids=few)
    assert resources_for(policy, "cloudformation:DeleteStack") == few
    nothing = permissions.session_policy(Stage.REMOVE, company, ACCOUNT)
    assert resources_for(nothing, "cloudformation:DeleteStack") == []


def test_only_the_instance_profiles_that_were_asked_about_lose_their_role(company: Company) -> None:
    action = "iam:RemoveRoleFromInstanceProfile"

    def may_change(profiles: list[str], **consented: Any) -> list[str]:
        policy = permissions.session_policy(
            Stage.REMOVE, company, ACCOUNT, stack_ids=[stack_id(1)], instance_profiles=profiles, **consented
        )
        assert len(policy) <= permissions.LONGEST_POLICY
        return resources_for(policy, action)

    assert may_change(["web"]) == [], "nobody agreed to it"
    prefix = f"arn:aws:iam::{ACCOUNT}:instance-profile/"
    agreed = {"consented": ["old_role_attachments"]}
    assert may_change(["web"], **agreed) == [f"{prefix}web", f"{prefix}*/web"]
    assert may_change([f"web-{n}" + "x" * 120 for n in range(3)], **agreed) != [f"{prefix}*"]


def test_many_old_stacks_are_named_without_their_ids(company: Company) -> None:
    policy = permissions.session_policy(
        Stage.REMOVE, company, ACCOUNT, stack_ids=[stack_id(n) for n in range(15)]
    )
    assert all(each.endswith("/*") for each in resources_for(policy, "cloudformation:DeleteStack"))


def test_a_stage_writes_in_the_home_region_of_its_steps_only(company: Company) -> None:
    policy = permissions.session_policy(Stage.TRAILS, company, ACCOUNT, regions=["us-east-1", "eu-west-1"])
    assert resources_for(policy, "cloudformation:CreateStack") == [
        f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/{company.trails.parent_stack_name}/*"
    ]


@pytest.fixture
def hand_over(stand_in: StandIn, owner: AwsSession, company: Company, account: str) -> RoleHandOver:
    """The hand-over role as the wizard's template makes it."""
    blueprint = build_blueprint(company)
    created = stacks.create(
        owner,
        HOME,
        stack_name=blueprint.handover.stack_name,
        template_body=blueprint.handover.template.body,
        parameters=handover_parameters(
            blueprint, external_id="external-1", expires_at=datetime.now(UTC) + timedelta(hours=1)
        ),
        capabilities=blueprint.handover.capabilities,
        tags=blueprint.handover.tags,
        token="hand-over",
        timeout_minutes=15,
    )
    made = settled(owner, HOME, created)
    return RoleHandOver(made.outputs["RoleArn"], "external-1")


def settled(session: AwsSession, region: str, stack: str) -> Stack:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = stacks.describe(session, region, stack)
        assert found is not None
        if not found.status.endswith("_IN_PROGRESS"):
            cause = stacks.root_cause(stacks.events(session, region, stack))
            assert found.status in {"CREATE_COMPLETE", "DELETE_COMPLETE", "UPDATE_COMPLETE"}, cause
            return found
        time.sleep(0.1)
    raise AssertionError("the stack did not settle")


class Stages:
    """Sessions of the hand-over role as the engine opens them: one for each stage."""

    def __init__(self, stand_in: StandIn, company: Company, account: str, role: RoleHandOver) -> None:
        self.stand_in, self.company, self.account, self.role = stand_in, company, account, role

    def session(self, stage: Stage, **narrowed: Any) -> AwsSession:
        policy = permissions.session_policy(stage, self.company, self.account, **narrowed)
        return assume_role(
            self.stand_in.worker,
            self.role.role_arn,
            external_id=self.role.external_id,
            session_name="onb-test",
            policy=policy,
        )


@pytest.fixture
def stages(stand_in: StandIn, company: Company, account: str, hand_over: RoleHandOver) -> Stages:
    return Stages(stand_in, company, account, hand_over)


def test_the_trust_is_checked_in_all_three_ways(
    stand_in: StandIn, hand_over: RoleHandOver, company: Company, account: str
) -> None:
    assert handover.check_trust(stand_in.worker, hand_over).is_safe
    wrong = handover.check_trust(stand_in.worker, RoleHandOver(hand_over.role_arn, "external-2"))
    assert not wrong.right_works
    assert wrong.failure is not None
    assert wrong.failure.kind is FailureKind.DENIED
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    made = stand_in.client("iam", account).create_role(
        RoleName=f"{company.portal.handover_role_name}-open",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    opened = handover.check_trust(stand_in.worker, RoleHandOver(made["Role"]["Arn"], "external-1"))
    assert opened.right_works
    assert not opened.wrong_refused
    assert not opened.none_refused
    assert not opened.is_safe


def test_the_removal_session_removes_the_approved_stack_and_its_role_alone(
    stand_in: StandIn, stages: Stages, company: Company, account: str
) -> None:
    old = stand_in.control.scenario("old-stack", account=account, region="sa-east-1", stack_name="drifted")
    other = stand_in.control.scenario("old-stack", account=account, region="eu-west-1", stack_name="other")
    removing = stages.session(Stage.REMOVE, stack_ids=[old["stack_id"]])
    with pytest.raises(AwsFailure) as caught:
        stacks.delete(removing, "eu-west-1", other["stack_id"], "token-1")
    assert caught.value.failure.kind is FailureKind.DENIED
    (role,) = stacks.resources(removing, "sa-east-1", old["stack_id"])
    stacks.delete(removing, "sa-east-1", old["stack_id"], "token-2")
    assert settled(removing, "sa-east-1", old["stack_id"]).status == "DELETE_COMPLETE"
    assert stacks.describe(removing, "sa-east-1", "drifted") is None
    assert roles.get_role(removing, role.physical_id) is None
    # Deleting once more, by id or by name, is already so.
    stacks.delete(removing, "sa-east-1", old["stack_id"], "token-3")


def create_roles(session: AwsSession, company: Company, token: str = "roles-1") -> str:
    blueprint = build_blueprint(company)
    return stacks.create(
        session,
        HOME,
        stack_name=blueprint.roles.stack_name,
        template_body=blueprint.roles.template.body,
        parameters=roles_parameters(blueprint),
        capabilities=blueprint.roles.capabilities,
        tags=blueprint.roles.tags,
        token=token,
        timeout_minutes=15,
    )


def test_the_roles_are_made_by_their_session_and_proven_from_outside(
    stand_in: StandIn, stages: Stages, company: Company
) -> None:
    with pytest.raises(AwsFailure) as caught:
        create_roles(stages.session(Stage.SURVEY), company)
    assert caught.value.failure.kind is FailureKind.DENIED
    making = stages.session(Stage.ROLES, regions=[HOME])
    created = create_roles(making, company)
    assert create_roles(making, company) == created
    made = settled(making, HOME, created)
    with pytest.raises(AwsFailure) as caught:
        create_roles(making, company, token="roles-2")
    assert caught.value.failure.kind is FailureKind.CONFLICT
    auditor = central.auditor_session(stand_in.worker, company)
    audit_arn = made.outputs["SecurityAuditRoleArn"]
    audit = assume_role(auditor, audit_arn, external_id=None, session_name="verify")
    role = roles.get_role(audit, audit_arn.rsplit("/", 1)[1])
    assert role is not None
    # Its trust names the whole account under a condition: who may really come in is what counts.
    assert role.trusted_principals == (company.roles.security_audit_principal_arn,)
    assert role.attached_policy_arns == ("arn:aws:iam::aws:policy/SecurityAudit",)
    assert role.inline_policy_names == ("VerifyOnboarding",)
    blueprint = build_blueprint(company)
    assert not stacks.update(
        making,
        HOME,
        stack_name=created,
        template_body=blueprint.roles.template.body,
        parameters=roles_parameters(blueprint),
        capabilities=blueprint.roles.capabilities,
        tags=blueprint.roles.tags,
        token="roles-3",
    )
    assert stacks.events(making, HOME, created, "roles-1")
    assert not stacks.events(making, HOME, created, "roles-9")


def test_the_trails_are_made_by_their_session_in_every_region_asked_for(
    stand_in: StandIn, stages: Stages, company: Company, account: str
) -> None:
    storage = central.storage_session(stand_in.worker, company)
    assert all(check.is_ok for check in central.admit(storage, company, account))
    blueprint = build_blueprint(company)
    making = stages.session(Stage.TRAILS, regions=[HOME, *REGIONS])
    created = stacks.create(
        making,
        HOME,
        stack_name=blueprint.trails.stack_name,
        template_body=blueprint.trails.template.body,
        parameters=trails_parameters(blueprint, regions=REGIONS, choices={}, attempt=1),
        capabilities=blueprint.trails.capabilities,
        tags=blueprint.trails.tags,
        token="trails-1",
        timeout_minutes=30,
    )
    settled(making, HOME, created)
    for region in REGIONS:
        (trail,) = trails.read_trails(making, region)
        assert trail.bucket == company.storage.bucket
        assert trail.topic_arn == company.storage.topic_arn
        assert trail.is_logging is True
        assert not trail.is_shadow
    assert trails.read_trails(making, "eu-west-3") == ()


def test_no_stage_may_change_a_role_by_itself(
    stand_in: StandIn, stages: Stages, company: Company, account: str
) -> None:
    for stage in (Stage.SURVEY, Stage.REMOVE, Stage.ROLES, Stage.TRAILS):
        iam: Any = stages.session(stage, stack_ids=[stack_id(1)]).client("iam")
        with pytest.raises(iam.exceptions.ClientError, match="AccessDenied"):
            iam.delete_role_policy(RoleName=company.portal.handover_role_name, PolicyName="Survey")
