"""What follows when a step settles? The next stage, the verification, or the run's end.

Everything here is called inside a transaction that holds the run.
"""

from django.utils import timezone

from onboarding.engine import coverage, deadlines, grants, parking, readings
from onboarding.engine.claims import Work, holding
from onboarding.models import Run, Step, history, undoing
from onboarding.models.stages import close_all, next_stage, open_stage
from onboarding.observed import Failure
from onboarding.states import (
    UNSETTLED_STEP_STATUSES,
    WRITING_STAGES,
    RegionState,
    RunStatus,
    Stage,
    StepKind,
    StepStatus,
)
from onboarding.stored import failure_from_json


def settle(
    work: Work,
    step: Step,
    to: StepStatus,
    *,
    reason_code: str = "",
    failure: Failure | None = None,
    **fields: object,
) -> None:
    """Settle one step of the held item, and go on with whatever that makes possible."""
    with holding(work) as run:
        settle_within(run, step, to, reason_code=reason_code, failure=failure, **fields)


def settle_within(
    run: Run,
    step: Step,
    to: StepStatus,
    *,
    reason_code: str = "",
    failure: Failure | None = None,
    **fields: object,
) -> None:
    """The same inside a transaction that holds the run already."""
    if history.move_step(
        step, to, expect=UNSETTLED_STEP_STATUSES, reason_code=reason_code, failure=failure, **fields
    ):
        go_on(run, Stage(step.stage))


def go_on(run: Run, settled_stage: Stage) -> None:
    """Open the next stage if `settled_stage` is done; end the run if every stage is."""
    stage, status = next_stage(run), RunStatus(run.status)
    if status == RunStatus.CANCELLING:
        _finish_cancelling(run)
    elif status not in {RunStatus.RUNNING, RunStatus.VERIFYING}:
        # Parked while this was looked at: whoever takes the run up again opens what is next.
        return
    elif run.is_undoing:
        # What is left is said by another look at the account, and by nothing else.
        open_stage(run, stage or Stage.SURVEY)
    elif _is_not_admitted(run):
        _stop_before_the_first_write(run)
    elif run.is_by_hand and status == RunStatus.RUNNING and settled_stage == Stage.ADMIT:
        parking.wait_for_hands(run)
    elif status == RunStatus.RUNNING and stage in {Stage.VERIFY, None}:
        _leave_the_account(run)
    elif stage is None:
        finish(run)
    elif stage != settled_stage:
        open_stage(run, stage)


def _is_not_admitted(run: Run) -> bool:
    admission = run.steps.filter(kind=StepKind.ADMIT_ACCOUNT).first()
    return admission is not None and admission.status in {StepStatus.FAILED, StepStatus.REFUSED}


def _stop_before_the_first_write(run: Run) -> None:
    """Without admission the logs would be refused: nothing is written in the owner's account."""
    admission = run.steps.get(kind=StepKind.ADMIT_ACCOUNT)
    _refuse_unsettled(run, "earlier_stage_failed")
    parking.fail(run, admission.reason_code, failure_from_json(admission.failure))


def _leave_the_account(run: Run) -> None:
    """All that needs the owner's access is settled: give it up at once, then look from outside."""
    grants.destroy(run, "work_settled")
    history.move_run(run, RunStatus.VERIFYING, expect={RunStatus.RUNNING})
    roles = run.steps.filter(kind=StepKind.DEPLOY_ROLES).first()
    if roles is not None and roles.status != StepStatus.FINISHED:
        # Nothing can be looked at from outside without the audit role.
        for step in run.steps.filter(stage=Stage.VERIFY, status__in=UNSETTLED_STEP_STATUSES):
            _refuse_verification(run, step, roles.reason_code, failure_from_json(roles.failure))
    for trail in run.steps.filter(kind=StepKind.REGION_TRAIL).exclude(status=StepStatus.FINISHED):
        # No log can be expected from a region whose trail is known to be missing.
        for step in run.steps.filter(
            kind=StepKind.VERIFY_REGION, region=trail.region, status__in=UNSETTLED_STEP_STATUSES
        ):
            _refuse_verification(run, step, trail.reason_code, failure_from_json(trail.failure))
    if next_stage(run) is None:
        finish(run)
    else:
        open_stage(run, Stage.VERIFY)
        _let_one_region_go_first(run)


def _let_one_region_go_first(run: Run) -> None:
    """First logs come minutes after the trails, in all regions alike: one region is asked again and again.

    When it has its log the others are asked (`first_log_came`); until then seldom. Of an account whose trails
    were there before, all are asked at once.
    """
    made = run.steps.filter(kind=StepKind.REGION_TRAIL, status=StepStatus.FINISHED).values("region")
    waiting = run.steps.filter(
        kind=StepKind.VERIFY_REGION, status__in=UNSETTLED_STEP_STATUSES, region__in=made
    ).order_by("ordinal")
    regions = list(waiting.values_list("region", flat=True))
    run.work_items.filter(stage=Stage.VERIFY, region__in=regions[1:]).update(
        due_at=timezone.now() + deadlines.first_log_look()
    )


def first_log_came(run: Run, region: str) -> None:
    """Have the other regions asked for theirs, when this one's was the first. Before its step settles."""
    if not run.steps.filter(kind=StepKind.VERIFY_REGION, status=StepStatus.FINISHED).exists():
        now = timezone.now()
        others = run.work_items.filter(stage=Stage.VERIFY, due_at__gt=now, lease_until__isnull=True)
        others.exclude(region__in=["", region]).update(due_at=now)


def _refuse_verification(run: Run, step: Step, reason_code: str, failure: Failure | None) -> None:
    history.move_step(
        step, StepStatus.REFUSED, expect=UNSETTLED_STEP_STATUSES, reason_code=reason_code, failure=failure
    )
    if step.kind == StepKind.VERIFY_REGION:
        readings.mark(run, step.region, RegionState.FAILED, reason_code=reason_code, failure=failure)


def finish(run: Run) -> None:
    """Every step is settled. Whatever isn't finished says why the run isn't either."""
    before = {RunStatus(run.status)}
    open_step = run.steps.exclude(status=StepStatus.FINISHED).order_by("ordinal").first()
    if open_step is None:
        _finish_verified(run, before)
        return
    # What was verified counts too: with nothing left to write, it is what earlier runs have done.
    done = run.steps.exclude(stage=Stage.ADMIT).filter(status=StepStatus.FINISHED)
    has_effect = done.exists() or not run.steps.filter(stage__in=WRITING_STAGES).exists()
    failure = failure_from_json(open_step.failure)
    if not has_effect:
        parking.fail(run, open_step.reason_code, failure)
        return
    grants.destroy(run, "work_settled")
    close_all(run)
    history.move_run(
        run, RunStatus.PARTLY_DONE, expect=before, reason_code=open_step.reason_code, failure=failure
    )


def _finish_verified(run: Run, before: set[RunStatus]) -> None:
    """Every step is finished: verified, unless an enabled region was never looked into."""
    grants.destroy(run, "verified")
    close_all(run)
    missing = coverage.not_looked_into(run)
    if missing is None:
        history.move_run(run, RunStatus.VERIFIED, expect=before)
    else:
        history.move_run(
            run, RunStatus.PARTLY_DONE, expect=before, reason_code=missing.code, failure=missing.failure
        )


def _finish_cancelling(run: Run) -> None:
    """Once nothing is in flight any more no step begins. The run is over, unless its owner is asked first."""
    if run.steps.filter(status=StepStatus.WORKING).exists():
        return
    if run.steps.filter(status=StepStatus.WAITING).exclude(last_move="").exists():
        _look_for_what_is_tried_again(run)
        return
    _refuse_unsettled(run, "cancelled_by_owner")
    if undoing.is_asked(run):
        # The access is kept until its owner has chosen, or their time is over.
        close_all(run)
    else:
        _end_cancelled(run)


def _look_for_what_is_tried_again(run: Run) -> None:
    """The attempt before may have asked AWS for it; and it may come after a stage that begins anew."""
    stage = next_stage(run)
    if stage is not None and not run.work_items.filter(stage=stage, due_at__isnull=False).exists():
        open_stage(run, stage)


def leave_as_is(run: Run) -> None:
    """Of a run whose owner is asked whether to undo it and hasn't said: nothing is undone."""
    if undoing.is_asked(run):
        _end_cancelled(run)


def _end_cancelled(run: Run) -> None:
    grants.destroy(run, "cancelled")
    close_all(run)
    history.move_run(
        run, RunStatus.CANCELLED, expect={RunStatus.CANCELLING}, reason_code="cancelled_by_owner"
    )


def _refuse_unsettled(run: Run, reason_code: str) -> None:
    for step in run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).order_by("ordinal"):
        history.move_step(step, StepStatus.REFUSED, expect=UNSETTLED_STEP_STATUSES, reason_code=reason_code)


def stop_watching(run: Run) -> None:
    """Give up watching what is still in flight of a run being cancelled: its time is over."""
    _refuse_unsettled(run, "cancelled_by_owner")
    _end_cancelled(run)


def stop_verifying(run: Run) -> None:
    """What isn't verified by now isn't verified."""
    for step in run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).order_by("ordinal"):
        _refuse_verification(run, step, "took_too_long", None)
    finish(run)
