"""Before anything is in flight a run is cancelled at once; afterwards it waits for what was sent."""

import pytest
from django.contrib.auth.models import User

from onboarding.models import AwsAccount, Run, undoing
from onboarding.models.history import destroy_grants, move_run, move_step, record
from onboarding.services.approval import NothingToApprove, approve
from onboarding.services.cancelling import CannotCancel, NothingToUndo, cancel, leave_as_is, undo
from onboarding.services.hand_over import hand_over_role
from onboarding.services.refusals import NotOwner
from onboarding.services.retrying import StillOpen, start_again
from onboarding.states import Move, RunStatus, StepKind, StepStatus

from .conftest import ROLE_ARN, make_plan, put_plan


def send_something(run: Run) -> None:
    step = run.steps.order_by("ordinal")[1]
    move_step(step, StepStatus.WORKING, last_move=Move.DELETE, token="t")


def test_before_the_approval_it_is_over_at_once_and_the_access_is_destroyed(
    owner: User, planned: Run
) -> None:
    cancel(owner, planned)
    assert (planned.status, planned.reason_code) == (RunStatus.CANCELLED, "cancelled_by_owner")
    assert planned.grant is not None
    assert planned.grant.sealed is None
    assert not planned.work_items.exclude(due_at=None).exists()
    with pytest.raises(NothingToApprove):
        approve(owner, planned, planned.plan_digest)


def test_cancelling_twice_has_one_effect(owner: User, planned: Run) -> None:
    cancel(owner, planned)
    events = planned.events.count()
    cancel(owner, planned)
    assert planned.events.count() == events


def test_a_running_run_keeps_its_access_until_what_was_sent_has_settled(owner: User, planned: Run) -> None:
    approve(owner, planned, planned.plan_digest)
    send_something(planned)
    cancel(owner, planned)
    assert planned.status == RunStatus.CANCELLING
    assert planned.grant is not None
    assert planned.grant.sealed is not None
    assert planned.work_items.exclude(due_at=None).exists()

    leave_as_is(owner, planned)
    assert planned.status == RunStatus.CANCELLING
    move_step(planned.steps.get(status=StepStatus.WORKING), StepStatus.FINISHED)
    leave_as_is(owner, planned)
    assert planned.status == RunStatus.CANCELLED
    planned.grant.refresh_from_db()
    assert planned.grant.sealed is None


def test_a_parked_run_with_something_in_flight_is_cancelled_by_the_engine(owner: User, planned: Run) -> None:
    approve(owner, planned, planned.plan_digest)
    send_something(planned)
    move_run(planned, RunStatus.NEEDS_ACCESS, expect=[RunStatus.RUNNING])
    cancel(owner, planned)
    assert planned.status == RunStatus.CANCELLING


def test_a_parked_run_with_nothing_in_flight_is_over_at_once(owner: User, surveying: Run) -> None:
    move_run(surveying, RunStatus.NEEDS_ACCESS, expect=[RunStatus.SURVEYING])
    cancel(owner, surveying)
    assert surveying.status == RunStatus.CANCELLED


def test_what_is_done_cannot_be_cancelled(owner: User, surveying: Run) -> None:
    run = put_plan(surveying, make_plan(is_empty=True))
    approve(owner, run, run.plan_digest)
    for act in (cancel, leave_as_is):
        with pytest.raises(CannotCancel):
            act(owner, run)


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_only_an_owner_cancels(who: str, planned: Run, request: pytest.FixtureRequest) -> None:
    user = request.getfixturevalue(who)
    for act in (cancel, leave_as_is):
        with pytest.raises(NotOwner):
            act(user, planned)
    with pytest.raises(NotOwner):
        start_again(user, planned.account)


def test_after_a_settled_run_the_owner_starts_again_with_one_new_draft(
    owner: User, account: AwsAccount, planned: Run
) -> None:
    with pytest.raises(StillOpen):
        start_again(owner, account)
    cancel(owner, planned)
    run = start_again(owner, account)
    assert (run.status, run.started_by) == (RunStatus.DRAFT, owner)
    assert run.pk != planned.pk
    assert start_again(owner, account) == run
    assert hand_over_role(owner, account, ROLE_ARN) == run


def test_a_run_that_was_planned_again_waits_for_what_it_had_sent(owner: User, planned: Run) -> None:
    """The account changed while a stack was at work: cancelled, its outcome is still watched."""
    approve(owner, planned, planned.plan_digest)
    send_something(planned)
    move_run(planned, RunStatus.PLANNED, expect=[RunStatus.RUNNING], reason_code="account_changed")
    cancel(owner, planned)
    assert planned.status == RunStatus.CANCELLING
    assert planned.work_items.exclude(due_at=None).exists()


def test_a_parked_run_that_is_cancelled_at_once_leaves_no_step_open(owner: User, planned: Run) -> None:
    approve(owner, planned, planned.plan_digest)
    move_run(planned, RunStatus.NEEDS_ACCESS, expect=[RunStatus.RUNNING], reason_code="access_missing")
    cancel(owner, planned)
    assert planned.status == RunStatus.CANCELLED
    assert set(planned.steps.values_list("status", "reason_code")) == {
        (StepStatus.REFUSED, "cancelled_by_owner")
    }


def created(run: Run) -> Run:
    """A run being cancelled that has created the roles' stack, with nothing in flight any more."""
    step = run.steps.get(kind=StepKind.DEPLOY_ROLES)
    stack_id = "arn:aws:cloudformation:us-west-2:484535289196:stack/InfosecClientRoles/1"
    record(run.pk, "aws.write", step_id=step.pk, operation="CreateStack", stack_id=stack_id)
    for each in run.steps.all():
        move_step(each, StepStatus.REFUSED, reason_code="cancelled_by_owner")
    move_step(step, StepStatus.FINISHED, expect=set(StepStatus), stack_id=stack_id)
    return run


@pytest.fixture
def asked(owner: User, planned: Run) -> Run:
    approve(owner, planned, planned.plan_digest)
    cancel(owner, planned)
    return created(planned)


def test_undoing_ends_the_run_and_hands_its_access_to_one_that_surveys(owner: User, asked: Run) -> None:
    assert undoing.is_asked(asked)
    begun = undo(owner, asked)
    assert (asked.status, asked.reason_code) == (RunStatus.CANCELLED, "cancelled_by_owner")
    assert (begun.status, begun.undoes, begun.grant) == (RunStatus.SURVEYING, asked, asked.grant)
    assert begun.grant is not None
    assert begun.grant.sealed is not None
    assert begun.work_items.exclude(due_at=None).count() == 1
    assert not asked.work_items.exclude(due_at=None).exists()
    assert undo(owner, asked) == begun


def test_undoing_without_the_access_waits_for_another_hand_over(owner: User, asked: Run) -> None:
    destroy_grants(asked.account_id, reason="expired_credentials")
    begun = undo(owner, asked)
    assert (begun.status, begun.reason_code, begun.grant) == (
        RunStatus.NEEDS_ACCESS,
        "undo_needs_access",
        None,
    )


def test_an_undoing_run_that_is_cancelled_asks_nothing(owner: User, asked: Run) -> None:
    begun = undo(owner, asked)
    cancel(owner, begun)
    assert begun.status == RunStatus.CANCELLED


def test_who_has_left_things_as_they_are_can_not_undo_them_any_more(owner: User, asked: Run) -> None:
    leave_as_is(owner, asked)
    assert asked.status == RunStatus.CANCELLED
    with pytest.raises(NothingToUndo):
        undo(owner, asked)


def test_while_something_is_in_flight_nothing_is_undone(owner: User, planned: Run) -> None:
    approve(owner, planned, planned.plan_digest)
    send_something(planned)
    cancel(owner, planned)
    with pytest.raises(NothingToUndo):
        undo(owner, planned)


def test_a_stack_that_the_run_only_updated_is_not_what_it_created(owner: User, planned: Run) -> None:
    approve(owner, planned, planned.plan_digest)
    step = planned.steps.get(kind=StepKind.DEPLOY_ROLES)
    move_step(step, StepStatus.WORKING, stack_id="arn:there:before/1")
    record(planned.pk, "aws.write", step_id=step.pk, operation="UpdateStack", stack_id="arn:there:before/1")
    assert undoing.created_by(planned) == frozenset()


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_only_an_owner_undoes(who: str, asked: Run, request: pytest.FixtureRequest) -> None:
    with pytest.raises(NotOwner):
        undo(request.getfixturevalue(who), asked)
