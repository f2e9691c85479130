"""Which work items a run needs: one for each region of a stage, and the parent's beside them."""

import pytest

from onboarding.models import AwsAccount, Run, Step
from onboarding.models.history import move_step
from onboarding.models.stages import close_all, lay_out, next_stage, open_stage, reopen, steps_of
from onboarding.planning import plan
from onboarding.states import Stage, StepKind, StepStatus
from tests.surveys import BLUEPRINT, NUMBER, REGIONS, make_region, make_stack, make_survey, old_stack


@pytest.fixture
def run(db: None) -> Run:
    account = AwsAccount.objects.create(number=NUMBER, name="IT", contact_email="it@example.org")
    run = Run.objects.create(account=account)
    name = BLUEPRINT.company.trails.regional_stack_name
    taken = make_region("eu-west-1", make_stack("eu-west-1", name, description="Not ours"))
    survey = make_survey(taken, make_region("sa-east-1", old_stack()))
    lay_out(run, plan(BLUEPRINT, survey, {}))
    return run


def finish(run: Run, *stages: Stage) -> None:
    for step in run.steps.filter(stage__in=stages):
        move_step(step, StepStatus.FINISHED)


def regions_of(run: Run, stage: Stage) -> list[str]:
    return sorted(run.work_items.filter(stage=stage).exclude(due_at=None).values_list("region", flat=True))


def test_what_the_plan_refuses_is_refused_from_the_start(run: Run) -> None:
    step = run.steps.get(kind=StepKind.REGION_TRAIL, region="eu-west-1")
    assert (step.status, step.reason_code) == (StepStatus.REFUSED, "name_taken")
    assert step.finished_at is not None


def test_stages_follow_one_another_as_their_steps_settle(run: Run) -> None:
    for stage in (Stage.ADMIT, Stage.REMOVE, Stage.ROLES, Stage.TRAILS, Stage.VERIFY):
        assert next_stage(run) == stage
        finish(run, stage)
    assert next_stage(run) is None


@pytest.mark.parametrize(
    ("stage", "regions"),
    [
        (Stage.SURVEY, [""]),
        (Stage.ADMIT, [""]),
        (Stage.REMOVE, ["sa-east-1"]),
        (Stage.ROLES, ["us-west-2"]),
        # The regions rest until the parent has begun.
        (Stage.TRAILS, [""]),
        (Stage.VERIFY, ["", "sa-east-1", "us-east-1", "us-west-2"]),
    ],
)
def test_each_stage_has_its_items(run: Run, stage: Stage, regions: list[str]) -> None:
    items = open_stage(run, stage)
    assert regions_of(run, stage) == regions
    assert open_stage(run, stage) == items
    assert run.work_items.filter(stage=stage).count() == items


def test_every_unsettled_step_belongs_to_exactly_one_item(run: Run) -> None:
    for stage in (Stage.ADMIT, Stage.REMOVE, Stage.ROLES, Stage.TRAILS, Stage.VERIFY):
        open_stage(run, stage)
    seen = [step.pk for item in run.work_items.all() for step in steps_of(item)]
    unsettled = Step.objects.filter(run=run, status=StepStatus.WAITING)
    assert sorted(seen) == sorted(unsettled.values_list("pk", flat=True))
    assert len(REGIONS) == 4


def test_opening_a_stage_takes_its_items_from_whoever_held_them(run: Run) -> None:
    open_stage(run, Stage.ROLES)
    run.work_items.update(holder="somebody", faults=3, due_at=None)
    open_stage(run, Stage.ROLES)
    item = run.work_items.get()
    assert (item.holder, item.faults, item.lease_until) == ("", 0, None)
    assert item.due_at is not None


def test_closing_leaves_nothing_due_and_nobody_holding(run: Run) -> None:
    open_stage(run, Stage.TRAILS)
    run.work_items.update(holder="somebody")
    close_all(run)
    assert not run.work_items.exclude(due_at=None, holder="").exists()


def test_laying_out_a_newer_plan_replaces_the_steps(run: Run) -> None:
    open_stage(run, Stage.TRAILS)
    lay_out(run, plan(BLUEPRINT, make_survey(), {}))
    assert not run.work_items.exists()
    assert not run.steps.filter(kind=StepKind.REMOVE_STACK).exists()


def test_what_is_tried_again_is_looked_at_as_often_and_as_patiently_as_the_first_time(run: Run) -> None:
    open_stage(run, Stage.ROLES)
    step = run.steps.get(kind=StepKind.DEPLOY_ROLES)
    move_step(step, StepStatus.FAILED, reason_code="portal_broke")
    run.work_items.update(claims=60, faults=3, breaks=10, trouble={"code": "Throttling"})

    reopen(run, [step])
    open_stage(run, Stage.ROLES)

    item = run.work_items.get(stage=Stage.ROLES)
    assert (item.claims, item.faults, item.breaks, item.trouble) == (0, 0, 0, None)
