"""An owner with an account, and a plan made by hand: what the acts of people are tried on."""

import pytest
from django.contrib.auth.models import User

from onboarding.models import AwsAccount, Member, Run, StaffRole
from onboarding.models.history import move_run
from onboarding.planning import Plan, PlannedStep, Question
from onboarding.services.accounts import register
from onboarding.services.hand_over import hand_over_role
from onboarding.states import Goal, RunStatus, Stage, StepKind

NUMBER = "484535289196"
ROLE_ARN = f"arn:aws:iam::{NUMBER}:role/InfosecOnboardingHandover"


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner", "owner@example.org")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("stranger", "stranger@example.org")


@pytest.fixture
def staff(db: None) -> User:
    """An analyst of infosec."""
    user = User.objects.create_user("staff", "staff@example.org")
    Member.objects.create(user=user, role=StaffRole.ANALYST)
    return user


@pytest.fixture
def account(owner: User) -> AwsAccount:
    return register(
        owner, number=NUMBER, name="Mozilla Community IT - 1002", contact_email="owner@example.org"
    )


@pytest.fixture
def surveying(owner: User, account: AwsAccount) -> Run:
    """A run whose owner has handed over a role."""
    return hand_over_role(owner, account, ROLE_ARN)


PROTECTED = Question(
    code="old_stack_protected",
    region="eu-west-1",
    key="old_stack_protected:1",
    fields={"stack": "opsec-old", "stack_id": "arn:1"},
    options=("leave", "lift"),
)


def make_plan(*, is_empty: bool = False, questions: tuple[Question, ...] = ()) -> Plan:
    """Two regions, one old stack; or an account that is already right."""
    rows = [
        (Stage.ADMIT, StepKind.ADMIT_ACCOUNT, Goal.ADMITTED, "", NUMBER),
        (Stage.REMOVE, StepKind.REMOVE_STACK, Goal.ABSENT, "eu-west-1", "opsec-old"),
        (Stage.ROLES, StepKind.DEPLOY_ROLES, Goal.PRESENT, "us-west-2", "InfosecClientRoles"),
        (Stage.TRAILS, StepKind.DEPLOY_TRAILS, Goal.PRESENT, "us-west-2", "DeployCloudTrail"),
        (Stage.TRAILS, StepKind.REGION_TRAIL, Goal.LOGGING, "us-east-1", "Trail"),
        (Stage.TRAILS, StepKind.REGION_TRAIL, Goal.LOGGING, "us-west-2", "Trail"),
    ]
    checks = [
        (Stage.VERIFY, StepKind.VERIFY_ROLES, Goal.VERIFIED, "", "InfosecClientRoles"),
        (Stage.VERIFY, StepKind.VERIFY_REGION, Goal.VERIFIED, "us-east-1", "Trail"),
        (Stage.VERIFY, StepKind.VERIFY_REGION, Goal.VERIFIED, "us-west-2", "Trail"),
    ]
    return Plan(
        account=NUMBER,
        home_region="us-west-2",
        regions=("us-east-1", "us-west-2"),
        steps=tuple(
            PlannedStep(ordinal, *row) for ordinal, row in enumerate(checks if is_empty else rows + checks, 1)
        ),
        notes=(),
        blueprint_digest="b" * 64,
        choices={},
        questions=questions,
    )


def put_plan(run: Run, plan: Plan) -> Run:
    """As the worker does when its survey is done."""
    assert move_run(
        run, RunStatus.PLANNED, expect=[RunStatus.SURVEYING], plan=plan.as_json(), plan_digest=plan.digest
    )
    run.work_items.update(due_at=None)
    return run


@pytest.fixture
def planned(surveying: Run) -> Run:
    """A run whose plan waits for approval."""
    return put_plan(surveying, make_plan())
