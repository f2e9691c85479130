"""How far is each stage of a run? Counted from its steps; the survey, which has none, from the run itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from onboarding.models import Run, Step
from onboarding.models.step import AnyStep
from onboarding.states import RunStatus, Stage, StepStatus


class StageState(TextChoices):
    """What a stage's line on the live page says."""

    NOT_NEEDED = "not_needed", _("Not needed")
    WAITING = "waiting", _("Waiting")
    WORKING = "working", _("Working")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Failed")
    STOPPED = "stopped", _("Stopped")


@dataclass(frozen=True, slots=True)
class StageProgress:
    stage: Stage
    state: StageState
    done: int
    total: int
    started_at: datetime | None
    finished_at: datetime | None
    # The steps that are not one of many regions: what this stage is about, by name.
    named_steps: tuple[Step, ...]
    # How long it took in other runs; None where none has been through it.
    usual: timedelta | None = None

    @property
    def is_counted(self) -> bool:
        """Whether "8 of 17" says more than the state alone."""
        return self.total > 1 and self.state != StageState.NOT_NEEDED


_FAILED = {StepStatus.FAILED, StepStatus.REFUSED}
CANCELLED = "cancelled_by_owner"
_STOPPED_RUNS = {RunStatus.CANCELLED, RunStatus.FAILED, RunStatus.PARTLY_DONE}


def stages_of(
    run: Run, steps: Sequence[Step], usual: Mapping[Stage, timedelta] | None = None
) -> tuple[StageProgress, ...]:
    """All stages in their order, the survey first. `usual` is how long each took in other runs."""
    return tuple(replace(stage, usual=(usual or {}).get(stage.stage)) for stage in _stages(run, steps))


def _stages(run: Run, steps: Sequence[Step]) -> tuple[StageProgress, ...]:
    is_planned = bool(steps) or run.plan is not None
    stages = [stage for stage in Stage if stage not in {Stage.SURVEY, Stage.REVOKED}]
    return (
        _survey(run),
        *(
            _stage(run, stage, [step for step in steps if step.stage == stage], is_planned)
            for stage in stages
        ),
    )


def _survey(run: Run) -> StageProgress:
    if run.survey is not None or run.plan is not None:
        state = StageState.WORKING if run.status == RunStatus.SURVEYING else StageState.FINISHED
    elif run.status == RunStatus.SURVEYING:
        state = StageState.WORKING
    elif run.status == RunStatus.FAILED:
        state = StageState.FAILED
    elif run.status == RunStatus.CANCELLED:
        state = StageState.STOPPED
    else:
        state = StageState.WAITING
    return StageProgress(Stage.SURVEY, state, 0, 0, None, None, ())


def _stage(run: Run, stage: Stage, steps: Sequence[Step], is_planned: bool) -> StageProgress:  # noqa: FBT001
    settled = [step for step in steps if step.is_settled]
    # Among many regions it is regions that are counted, not the one step for all of them as well.
    counted = [step for step in steps if _is_regional(step)] or steps
    started = [step.started_at for step in steps if step.started_at]
    finished = [step.finished_at for step in settled if step.finished_at]
    state = _state(run, steps, is_planned=is_planned)
    return StageProgress(
        stage=stage,
        state=state,
        done=sum(step.is_settled and step.status not in _FAILED for step in counted),
        total=len(counted),
        started_at=min(started, default=None),
        finished_at=_end(run, state, max(finished, default=None)),
        named_steps=tuple(step for step in steps if step.target and not _is_regional(step)),
    )


def _end(run: Run, state: StageState, last_step_at: datetime | None) -> datetime | None:
    """When the stage's clock stopped; None while it runs."""
    if state in {StageState.FINISHED, StageState.FAILED}:
        return last_step_at
    return run.finished_at


def _state(run: Run, steps: Sequence[Step], *, is_planned: bool) -> StageState:
    if not steps and run.approved_at is None and run.status in {RunStatus.CANCELLED, RunStatus.FAILED}:
        return StageState.STOPPED
    if not steps:
        is_approved = bool(run.approved_digest) or run.status in {RunStatus.VERIFYING, RunStatus.VERIFIED}
        return StageState.NOT_NEEDED if is_planned and is_approved else StageState.WAITING
    has_failed = any(has_step_failed(step) for step in steps)
    if all(step.is_settled and not is_given_up(step) for step in steps):
        return StageState.FAILED if has_failed else StageState.FINISHED
    if run.status in _STOPPED_RUNS or any(is_given_up(step) for step in steps):
        return StageState.FAILED if has_failed else StageState.STOPPED
    if any(step.status == StepStatus.WORKING or step.is_settled for step in steps):
        return StageState.WORKING
    return StageState.WAITING


def is_given_up(step: AnyStep) -> bool:
    """Whether the run was cancelled before the step came to its end: nothing has gone wrong with it."""
    return step.status in _FAILED and step.reason_code == CANCELLED


def has_step_failed(step: AnyStep) -> bool:
    return step.status in _FAILED and not is_given_up(step)


def _is_regional(step: Step) -> bool:
    return step.kind in {"region_trail", "verify_region"}
