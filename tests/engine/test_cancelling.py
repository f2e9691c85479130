"""What becomes of a run that its owner has stopped, until nothing is in flight any more?"""

import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.engine import claims, sessions
from onboarding.engine.drive import drive
from onboarding.engine.work import work
from onboarding.models import Run, Step, history
from onboarding.models.stages import reopen
from onboarding.services import cancelling
from onboarding.states import Move, RunStatus, StepKind, StepStatus
from tests.engine.conftest import Owner

OwnerOf = Callable[..., Owner]
HOME, ROLES = "us-west-2", "InfosecClientRoles"
TEMPLATE = json.dumps({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {
    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}}}})  # fmt: skip


def make_stack(owner: Owner) -> str:
    cloudformation = owner.client("cloudformation", HOME)
    stack_id: str = cloudformation.create_stack(
        StackName=ROLES, TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM"]
    )["StackId"]
    wait_while(owner, "CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS")
    return stack_id


def wait_while(owner: Owner, *statuses: str) -> None:
    while owner.status(HOME, ROLES) in statuses:
        time.sleep(0.02)


def cancelled_with(
    owner: Owner, move: Move, stack_id: str, *, by_role: bool = False, is_tried_again: bool = False
) -> Step:
    """The roles' step of a run that its owner has just stopped; AWS hasn't answered its last intent."""
    run = drive((owner.hand_over_role() if by_role else owner.hand_over_credentials()).pk)
    owner.approve(run)
    history.move_step(run.steps.get(kind=StepKind.ADMIT_ACCOUNT), StepStatus.FINISHED)
    step = run.steps.get(kind=StepKind.DEPLOY_ROLES)
    history.move_step(step, StepStatus.WORKING, last_move=move, token="unanswered", stack_id=stack_id)
    if is_tried_again:
        reopen(run, [step])
    cancelling.cancel(owner.user, run)
    cancelling.leave_as_is(owner.user, run)
    assert run.status == RunStatus.CANCELLING
    return step


def look_at(step: Step) -> Step:
    step.run.work_items.update(due_at=None)
    step.run.work_items.filter(stage=step.stage).update(due_at=timezone.now())
    [claim] = claims.claim_due(timezone.now(), 1, run_id=step.run_id)
    work(claim)
    step.refresh_from_db()
    return step


def test_a_stack_that_comes_late_in_place_of_a_deleted_one_is_seen(owner_of: OwnerOf) -> None:
    owner = owner_of()
    gone = make_stack(owner)
    owner.client("cloudformation", HOME).delete_stack(StackName=gone)
    wait_while(owner, "CREATE_COMPLETE", "DELETE_IN_PROGRESS")
    step = cancelled_with(owner, Move.CREATE, gone)

    assert look_at(step).status == StepStatus.WORKING

    made = make_stack(owner)
    assert look_at(step).stack_id == made
    assert (step.status, step.aws_status) == (StepStatus.FINISHED, "CREATE_COMPLETE")


def test_what_was_in_flight_when_it_was_tried_again_is_seen(owner_of: OwnerOf) -> None:
    owner = owner_of()
    step = cancelled_with(owner, Move.CREATE, "", is_tried_again=True)
    assert step.status == StepStatus.WAITING
    made = make_stack(owner)
    assert look_at(step).stack_id == made
    assert step.status == StepStatus.FINISHED


def test_what_is_in_flight_is_looked_for_behind_a_stage_that_is_tried_again_too(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = drive(owner.hand_over_credentials().pk)
    owner.approve(run)
    history.move_step(run.steps.get(kind=StepKind.ADMIT_ACCOUNT), StepStatus.FINISHED)
    removal, roles = run.steps.get(kind=StepKind.REMOVE_STACK), run.steps.get(kind=StepKind.DEPLOY_ROLES)
    history.move_step(removal, StepStatus.FAILED, reason_code="delete_failed")
    history.move_step(roles, StepStatus.WORKING, last_move=Move.CREATE, token="unanswered")
    reopen(run, [removal, roles])
    made = make_stack(owner)
    cancelling.cancel(owner.user, run)
    drive(run.pk)
    removal.refresh_from_db()
    roles.refresh_from_db()
    assert (removal.status, roles.status) == (StepStatus.REFUSED, StepStatus.FINISHED)
    assert roles.stack_id == made


def test_the_remains_of_a_failed_creation_are_watched_until_they_can_no_longer_be_deleted(
    owner_of: OwnerOf,
) -> None:
    owner = owner_of()
    step = cancelled_with(owner, Move.DELETE, "")
    owner.cloud.fault(
        kind="refuse", principal="cloudformation.amazonaws.com", service="iam", action="CreateRole",
        code="LimitExceeded", message="Cannot exceed quota.", status=409, count=1,
        account=owner.account.number,
    )  # fmt: skip
    remains = make_stack(owner)
    assert owner.status(HOME, ROLES) == "ROLLBACK_COMPLETE"

    assert look_at(step).status == StepStatus.WORKING

    Run.objects.filter(pk=step.run_id).update(status_since=timezone.now() - claims.LEASE)
    assert look_at(step).status == StepStatus.REFUSED
    assert (step.stack_id, step.aws_status) == (remains, "ROLLBACK_COMPLETE")
    assert step.run.status == RunStatus.CANCELLED


def test_while_our_clock_is_wrong_it_is_looked_at_ever_more_seldom(owner_of: OwnerOf) -> None:
    owner = owner_of()
    step = cancelled_with(owner, Move.CREATE, "")
    owner.cloud.fault(kind="clock-skew", skew_seconds=1200, account=owner.account.number)
    for _ in range(6):
        look_at(step)
    item = step.run.work_items.get(due_at__isnull=False)
    assert item.faults == 6
    assert item.due_at is not None
    assert item.due_at > timezone.now() + timedelta(seconds=1)


def test_a_worker_without_an_identity_leaves_what_is_in_flight_to_one_that_has_one(
    owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = owner_of()
    step = cancelled_with(owner, Move.CREATE, "", by_role=True)
    made = make_stack(owner)
    sessions.own.cache_clear()
    assert step.run.grant_id is not None
    sessions.forget(step.run.grant_id)
    with monkeypatch.context() as without:
        without.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in owner.cloud.credentials(kind="worker").for_environment():
            without.delenv(name)
        assert look_at(step).status == StepStatus.WORKING
    assert look_at(step).status == StepStatus.FINISHED
    assert step.stack_id == made
