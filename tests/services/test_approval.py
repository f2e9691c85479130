"""Only the owner's yes to exactly this plan starts anything, and it starts once."""

import pytest
from django.contrib.auth.models import User

from onboarding.models import Run
from onboarding.services.approval import NothingToApprove, NotTicked, PlanChanged, approve
from onboarding.services.refusals import NotOwner
from onboarding.states import RunStatus, Stage

from .conftest import make_plan, put_plan


def test_approving_lays_out_the_steps_and_makes_the_first_stage_due(owner: User, planned: Run) -> None:
    approve(owner, planned, planned.plan_digest)

    assert planned.status == RunStatus.RUNNING
    assert planned.approved_digest == planned.plan_digest
    assert planned.approved_by == owner
    assert [step.kind for step in planned.steps.all()] == [step.kind for step in make_plan().steps]
    (item,) = planned.work_items.exclude(due_at=None)
    assert (item.stage, item.region) == (Stage.ADMIT, "")


def test_a_double_click_has_one_effect(owner: User, planned: Run) -> None:
    approve(owner, planned, planned.plan_digest)
    events = planned.events.count()
    steps = list(planned.steps.values_list("pk", flat=True))

    approve(owner, planned, planned.plan_digest)

    assert planned.events.count() == events
    assert list(planned.steps.values_list("pk", flat=True)) == steps


def test_a_plan_that_changed_since_it_was_read_is_not_approved(owner: User, planned: Run) -> None:
    with pytest.raises(PlanChanged):
        approve(owner, planned, "0" * 64)
    planned.refresh_from_db()
    assert planned.status == RunStatus.PLANNED
    assert not planned.steps.exists()


@pytest.mark.parametrize("ticked", [[], [1, 3]])
def test_a_deletion_has_to_be_ticked_by_itself(ticked: list[int], owner: User, planned: Run) -> None:
    with pytest.raises(NotTicked) as refusal:
        approve(owner, planned, planned.plan_digest, ticked=ticked)
    assert refusal.value.ordinals == (2,)
    planned.refresh_from_db()
    assert planned.status == RunStatus.PLANNED
    assert not planned.steps.exists()


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_nobody_but_an_owner_approves(who: str, planned: Run, request: pytest.FixtureRequest) -> None:
    with pytest.raises(NotOwner):
        approve(request.getfixturevalue(who), planned, planned.plan_digest)
    planned.refresh_from_db()
    assert planned.status == RunStatus.PLANNED


def test_before_the_survey_is_done_there_is_nothing_to_approve(owner: User, surveying: Run) -> None:
    with pytest.raises(NothingToApprove):
        approve(owner, surveying, "")


def test_a_plan_without_writes_destroys_the_grant_and_verifies_at_once(owner: User, surveying: Run) -> None:
    run = put_plan(surveying, make_plan(is_empty=True))

    approve(owner, run, run.plan_digest)

    assert run.status == RunStatus.VERIFYING
    assert run.grant is not None
    assert run.grant.destroyed_at is not None
    assert run.grant.sealed is None
    due = run.work_items.exclude(due_at=None)
    assert {(item.stage, item.region) for item in due} == {
        (Stage.VERIFY, ""),
        (Stage.VERIFY, "us-east-1"),
        (Stage.VERIFY, "us-west-2"),
    }
