"""Is what the live page shows computed rightly from what is stored?"""

from datetime import UTC, datetime, timedelta

import pytest

from onboarding.models import AwsAccount, RegionReading, Run, Step
from onboarding.progress.live import Progress, progress_of
from onboarding.progress.stages import StageState
from onboarding.states import RegionOutcome, RegionState, RunStatus, Stage, StepKind, StepStatus

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ACCOUNT = AwsAccount(pk=1, number="484535289196", name="Mozilla Community IT - 1002")


def run(status: RunStatus = RunStatus.RUNNING, **fields: object) -> Run:
    defaults: dict[str, object] = {"plan": {}, "survey": None, "approved_digest": "d", "status_since": NOW}
    return Run(account=ACCOUNT, status=status, **{**defaults, **fields})


def step(
    kind: StepKind, stage: Stage, status: StepStatus = StepStatus.WAITING, region: str = "", **fields: object
) -> Step:
    return Step(pk=1, kind=kind, stage=stage, status=status, region=region, target="Stack", **fields)


def trail(region: str, status: StepStatus = StepStatus.WAITING, **fields: object) -> Step:
    return step(StepKind.REGION_TRAIL, Stage.TRAILS, status, region, **fields)


def reading(region: str, state: RegionState, **fields: object) -> RegionReading:
    defaults: dict[str, object] = {"outcome": RegionOutcome.READ, "read_at": NOW}
    return RegionReading(account=ACCOUNT, region=region, state=state, **{**defaults, **fields})


def state_of(progress: Progress, stage: Stage) -> StageState:
    return next(one.state for one in progress.stages if one.stage == stage)


def test_a_region_not_read_yet_waits_and_one_left_out_comes_last() -> None:
    readings = [
        reading("af-south-1", RegionState.SKIPPED, outcome=RegionOutcome.NOT_ENABLED),
        reading("us-east-1", RegionState.COVERED),
    ]
    progress = progress_of(run(), [trail("us-east-1"), trail("us-west-2")], readings, [])
    shown = [(row.region, row.state) for row in progress.regions]
    assert shown == [
        ("us-east-1", RegionState.COVERED),
        ("us-west-2", RegionState.WAITING),
        ("af-south-1", RegionState.SKIPPED),
    ]
    assert (progress.counts.wanted, progress.counts.covered, progress.counts.skipped) == (2, 1, 1)


def test_a_finished_parent_with_one_failed_region_is_never_done() -> None:
    steps = [
        step(StepKind.DEPLOY_TRAILS, Stage.TRAILS, StepStatus.FINISHED, "us-west-2"),
        trail("us-east-1", StepStatus.FINISHED),
        trail("us-west-2", StepStatus.FAILED, reason_code="unknown"),
    ]
    readings = [
        reading("us-east-1", RegionState.LOGGING),
        reading("us-west-2", RegionState.CREATING, stack_status="CREATE_IN_PROGRESS"),
    ]
    progress = progress_of(run(), steps, readings, [])
    assert state_of(progress, Stage.TRAILS) == StageState.FAILED
    failed = progress.regions[1]
    assert failed.state == RegionState.FAILED
    assert failed.trouble is not None
    assert progress.title.startswith("1 of 2")


def test_a_region_that_recovered_is_covered_whatever_failed_before() -> None:
    progress = progress_of(
        run(), [trail("us-east-1", StepStatus.FAILED)], [reading("us-east-1", RegionState.COVERED)], []
    )
    assert progress.regions[0].state == RegionState.COVERED


def test_who_left_a_region_out_is_not_told_that_all_are_covered() -> None:
    readings = [reading("us-east-1", RegionState.COVERED), reading("us-west-2", RegionState.COVERED)]
    progress = progress_of(run(RunStatus.VERIFIED), [], readings, [])
    assert progress.headline == "Done: all 2 regions are covered"
    readings = [reading("us-east-1", RegionState.COVERED), reading("us-west-2", RegionState.WAITING)]
    progress = progress_of(run(RunStatus.VERIFIED), [], readings, [])
    assert progress.headline == "Done: 1 of 2 regions are covered, as you chose"
    assert "left out" in progress.lead


def test_while_verifying_only_covered_regions_count() -> None:
    readings = [reading("us-east-1", RegionState.COVERED), reading("us-west-2", RegionState.LOGGING)]
    progress = progress_of(run(RunStatus.VERIFYING), [], readings, [])
    assert progress.done == 1
    assert progress.title == "1 of 2 · 484535289196"
    assert "1 of 2 regions covered" in progress.headline
    assert progress_of(run(RunStatus.RUNNING), [], readings, []).done == 2


@pytest.mark.parametrize(
    ("statuses", "run_status", "expected"),
    [
        ([], RunStatus.RUNNING, StageState.NOT_NEEDED),
        (["waiting", "waiting"], RunStatus.RUNNING, StageState.WAITING),
        (["working", "waiting"], RunStatus.RUNNING, StageState.WORKING),
        (["finished", "waiting"], RunStatus.RUNNING, StageState.WORKING),
        (["finished", "finished"], RunStatus.RUNNING, StageState.FINISHED),
        (["finished", "failed"], RunStatus.RUNNING, StageState.FAILED),
        (["finished", "refused"], RunStatus.RUNNING, StageState.FAILED),
        (["failed", "waiting"], RunStatus.RUNNING, StageState.WORKING),
        (["failed", "waiting"], RunStatus.FAILED, StageState.FAILED),
        (["finished", "waiting"], RunStatus.CANCELLED, StageState.STOPPED),
    ],
)
def test_a_stage_is_as_far_as_its_steps(
    statuses: list[str], run_status: RunStatus, expected: StageState
) -> None:
    steps = [trail(f"us-east-{number}", StepStatus(status)) for number, status in enumerate(statuses)]
    assert state_of(progress_of(run(run_status), steps, [], []), Stage.TRAILS) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (run(RunStatus.DRAFT, plan=None), StageState.WAITING),
        (run(RunStatus.SURVEYING, plan=None), StageState.WORKING),
        (run(RunStatus.SURVEYING), StageState.WORKING),
        (run(RunStatus.PLANNED), StageState.FINISHED),
        (run(RunStatus.FAILED, plan=None), StageState.FAILED),
        (run(RunStatus.CANCELLED, plan=None), StageState.STOPPED),
    ],
)
def test_the_survey_is_as_far_as_the_run_says(given: Run, expected: StageState) -> None:
    assert state_of(progress_of(given, [], [], []), Stage.SURVEY) == expected


def test_a_stage_takes_from_its_first_steps_beginning_to_its_last_ones_end() -> None:
    later = NOW + timedelta(minutes=4)
    steps = [
        trail("us-east-1", StepStatus.FINISHED, started_at=NOW, finished_at=NOW),
        trail("us-west-2", StepStatus.FINISHED, started_at=NOW, finished_at=later),
    ]
    trails = next(one for one in progress_of(run(), steps, [], []).stages if one.stage == Stage.TRAILS)
    assert (trails.started_at, trails.finished_at) == (NOW, later)
    assert (trails.done, trails.total) == (2, 2)


def test_regions_are_counted_without_the_one_step_for_all_of_them() -> None:
    parent = step(StepKind.DEPLOY_TRAILS, Stage.TRAILS, StepStatus.FINISHED, "us-west-2")
    steps = [parent, trail("us-east-1", StepStatus.FINISHED), trail("us-west-2", StepStatus.WORKING)]
    trails = next(one for one in progress_of(run(), steps, [], []).stages if one.stage == Stage.TRAILS)
    assert (trails.done, trails.total) == (1, 2)


def test_a_region_that_failed_is_not_counted_as_done() -> None:
    steps = [trail("us-east-1", StepStatus.FAILED), trail("us-west-2", StepStatus.FINISHED)]
    trails = next(one for one in progress_of(run(), steps, [], []).stages if one.stage == Stage.TRAILS)
    assert (trails.state, trails.done, trails.total) == (StageState.FAILED, 1, 2)


def test_no_plan_yet_means_that_stages_wait_rather_than_being_needless() -> None:
    progress = progress_of(run(RunStatus.SURVEYING, plan=None, approved_digest=""), [], [], [])
    assert state_of(progress, Stage.REMOVE) == StageState.WAITING


def test_only_the_two_roles_are_named_of_a_stacks_outputs() -> None:
    outputs = {"SecurityAuditRoleArn": "arn:aws:iam::484535289196:role/audit", "Other": "x"}
    roles = step(StepKind.DEPLOY_ROLES, Stage.ROLES, StepStatus.FINISHED, "us-west-2", outputs=outputs)
    named = progress_of(run(), [roles], [], []).role_arns
    assert [arn for _, arn in named] == ["arn:aws:iam::484535289196:role/audit"]


def test_nothing_waits_in_a_run_that_was_cancelled_before_its_approval() -> None:
    progress = progress_of(run(RunStatus.CANCELLED, approved_digest=""), [], [], [])
    assert {one.state for one in progress.stages[1:]} == {StageState.STOPPED}
    assert "Nothing was changed" in progress.lead


def test_what_a_cancelled_run_left_undone_has_not_failed() -> None:
    given_up = trail("us-east-1", StepStatus.REFUSED, reason_code="cancelled_by_owner")
    steps = [given_up, trail("us-west-2", StepStatus.FINISHED)]
    readings = [reading("us-east-1", RegionState.LOGGING)]
    progress = progress_of(run(RunStatus.CANCELLED), steps, readings, [])
    trails = next(one for one in progress.stages if one.stage == Stage.TRAILS)
    assert (trails.state, trails.done, trails.total) == (StageState.STOPPED, 1, 2)
    assert [row.state for row in progress.regions] == [RegionState.LOGGING, RegionState.WAITING]
    assert [str(row.word) for row in progress.regions] == ["Logging, first log awaited", "Not begun"]
    assert (progress.counts.failed, progress.failed_steps) == (0, ())


@pytest.mark.django_db
@pytest.mark.parametrize("status", [RunStatus.CANCELLED, RunStatus.CANCELLING])
def test_what_the_installer_made_before_the_cancel_is_not_said_not_to_have_begun(status: RunStatus) -> None:
    parent = step(StepKind.DEPLOY_TRAILS, Stage.TRAILS, StepStatus.FINISHED)
    given_up = trail("us-west-2", StepStatus.REFUSED, reason_code="cancelled_by_owner")
    progress = progress_of(run(status), [parent, given_up], [], [])
    assert [str(row.word) for row in progress.regions] == ["Not watched"]
    still = trail("us-west-2", StepStatus.WORKING)
    (row,) = progress_of(run(RunStatus.CANCELLING), [parent, still], [], []).regions
    assert str(row.word) == "Waiting"
