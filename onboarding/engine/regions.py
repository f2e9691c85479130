"""How is one region doing while the CloudTrail parent works, and has its trail come to log?

Reads the region itself, keeps what it reads, and judges only when the parent has settled. One region's
trouble is no other's.
"""

from datetime import timedelta

from django.conf import settings

from onboarding import decisions
from onboarding.aws import stacks
from onboarding.aws import trails as aws_trails
from onboarding.aws.session import AwsSession
from onboarding.engine import admission, advancing, deadlines, readings, sessions, steps, trails
from onboarding.engine.causes import failure_from_reason, failure_of
from onboarding.engine.claims import Work, holding, make_due
from onboarding.models import Run, Step, history
from onboarding.observed import Failure, Stack, Trail
from onboarding.states import (
    UNSETTLED_STEP_STATUSES,
    Condition,
    FailureKind,
    RegionState,
    Stage,
    StepKind,
    StepStatus,
)

_LIVE = frozenset({Condition.LIVE, Condition.LIVE_AFTER_FAILED_UPDATE})


def look(work: Work, run: Run) -> timedelta | None:
    parent = trails.parent_of(run)
    if parent is not None and not trails.has_begun(parent):
        # Nothing can have changed here yet; the parent makes this item due when it has begun.
        return None
    session = sessions.handed_over(run, Stage.TRAILS)
    return steps.look_at_each(work, lambda step: _watch(work, run, step, parent, session))


def _watch(work: Work, run: Run, step: Step, parent: Step | None, session: AwsSession) -> timedelta | None:
    if step.target != settings.COMPANY.trails.regional_stack_name:
        return _watch_repointed(work, run, step, parent, session)
    stack = stacks.describe(session, step.region, step.stack_id or step.target)
    if stack is not None and stack.status == "DELETE_COMPLETE":
        stack = stacks.describe(session, step.region, step.target) or stack
    condition = decisions.condition(stack.status) if stack is not None else Condition.ABSENT
    made = _just_made(step, stack) if condition == Condition.LIVE else None
    if made is not None and aws_trails.is_logging(session, step.region, made.arn):
        _finish(work, step, stack, made)
        return None
    trail = None
    if condition in _LIVE:
        trail = readings.our_trail(
            settings.COMPANY, aws_trails.read_trails(session, step.region), step.region
        )
        if trail is not None and trail.is_logging and condition == Condition.LIVE:
            _finish(work, step, stack, trail)
            return None
    if condition != Condition.BUSY and (parent is None or trails.has_settled(parent, run.attempt)):
        return _judge(work, step, parent, session, stack, trail)
    state = RegionState.WAITING if stack is None else RegionState.CREATING
    _keep(work, step, state, stack, trail)
    return deadlines.next_look(work.looks)


def _watch_repointed(
    work: Work, run: Run, step: Step, parent: Step | None, session: AwsSession
) -> timedelta | None:
    """A trail of the owner's, which the function makes deliver to the log storage: no stack is made here."""
    trail = readings.our_trail(settings.COMPANY, aws_trails.read_trails(session, step.region), step.region)
    if trail is not None and trail.name == step.target and trail.is_logging:
        _finish(work, step, None, trail)
        return None
    if parent is None or trails.has_settled(parent, run.attempt):
        return _judge(work, step, parent, session, None, trail)
    _keep(work, step, RegionState.WAITING, None, trail)
    return deadlines.next_look(work.looks)


def _just_made(step: Step, stack: Stack | None) -> Trail | None:
    """The trail of a stack that came to be in this run, as the stack itself tells: nobody has changed it yet.

    Whether it is so is seen from outside afterwards. None for a stack that was there before.
    """
    if stack is None or (step.stack_id and step.aws_status != "CREATE_IN_PROGRESS"):
        return None
    arn = stack.outputs.get("TrailArn", "")
    return (
        Trail(
            arn=arn,
            name=stack.outputs.get("TrailName", ""),
            region=step.region,
            home_region=step.region,
            bucket=stack.parameters.get("BucketName", ""),
            topic_arn=stack.parameters.get("TopicArn", ""),
            is_logging=True,
        )
        if arn
        else None
    )


def _keep(work: Work, step: Step, state: RegionState, stack: Stack | None, trail: Trail | None) -> None:
    status, stack_id = _seen(step, stack)
    with holding(work) as run:
        readings.keep(run, step.region, state=state, stack=stack, trail=trail)
        history.move_step(step, StepStatus.WORKING, aws_status=status, stack_id=stack_id)


def _seen(step: Step, stack: Stack | None) -> tuple[str, str]:
    """The stack's status and id; the id of one that has gone stays known."""
    return (stack.status, stack.stack_id) if stack is not None else ("", step.stack_id)


def _finish(work: Work, step: Step, stack: Stack | None, trail: Trail) -> None:
    status, stack_id = _seen(step, stack)
    with holding(work) as run:
        readings.keep(run, step.region, state=RegionState.LOGGING, stack=stack, trail=trail)
        advancing.settle_within(
            run,
            step,
            StepStatus.FINISHED,
            aws_status=status,
            stack_id=stack_id,
            outputs={"trail_arn": trail.arn},
        )
        _tell_parent(run)


def _judge(
    work: Work,
    step: Step,
    parent: Step | None,
    session: AwsSession,
    stack: Stack | None,
    trail: Trail | None,
) -> timedelta | None:
    """The parent has settled and the region isn't logging: once more, or failed with its own reason."""
    failure = _failure(step, parent, session, stack, trail)
    if steps.reason_code_for(failure, step) in admission.SHUT_OUT and not trails.was_tried_again(parent):
        admission.again(work, step)
    with holding(work) as run:
        if parent is not None and trails.try_again(run, parent):
            readings.keep(run, step.region, state=RegionState.WAITING, stack=stack, trail=trail)
            return deadlines.next_look(0)
        # Another region may have asked for the next attempt since this look began.
        now = trails.parent_of(run)
        if now is not None and not trails.has_settled(now, run.attempt):
            return deadlines.next_look(0)
        code = steps.reason_code_for(failure, step)
        readings.keep(
            run,
            step.region,
            state=RegionState.FAILED,
            stack=stack,
            trail=trail,
            reason_code=code,
            failure=failure,
        )
        advancing.settle_within(run, step, StepStatus.FAILED, reason_code=code, failure=failure)
        _tell_parent(run)
    return None


def _failure(
    step: Step, parent: Step | None, session: AwsSession, stack: Stack | None, trail: Trail | None
) -> Failure:
    """Why it isn't logging: by its trail, its stack, the function's answer, or the parent's failure."""
    told = _told_by_function(parent, step.region)
    if trail is not None and not told:
        return Failure(
            FailureKind.OURS, "not_logging", "The trail exists but does not log.", region=step.region
        )
    if stack is not None and decisions.condition(stack.status) != Condition.LIVE:
        return failure_of(session, stack, operation="CreateStack")
    if told:
        return failure_from_reason(told, region=step.region, operation="CreateStack")
    if parent is not None and parent.failure:
        reason = str(parent.failure.get("message", ""))
        return failure_from_reason(reason, region=step.region, code=str(parent.failure.get("code", "")))
    if stack is not None:
        text = "The regional stack is complete but its trail is missing or delivers elsewhere."
        return Failure(FailureKind.OURS, "trail_missing", text, region=step.region)
    return Failure(
        FailureKind.OURS, "region_not_begun", "No stack was made in this region.", region=step.region
    )


def _told_by_function(parent: Step | None, region: str) -> str:
    reasons = str(parent.outputs.get("Reasons", "")) if parent is not None else ""
    for one in reasons.split("; "):
        name, _, reason = one.partition(": ")
        if name == region:
            return reason
    return ""


def _tell_parent(run: Run) -> None:
    """The last settled region lets the parent's step finish."""
    open_regions = run.steps.filter(kind=StepKind.REGION_TRAIL, status__in=UNSETTLED_STEP_STATUSES)
    if (
        not open_regions.exists()
        and run.steps.filter(kind=StepKind.DEPLOY_TRAILS, status__in=UNSETTLED_STEP_STATUSES).exists()
    ):
        make_due(run, Stage.TRAILS, "")
