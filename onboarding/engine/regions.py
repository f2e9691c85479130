"""How is one region doing while the CloudTrail parent works, and has its trail come to log?

Reads the region itself, keeps what it reads, and judges only when the parent has settled. One region's
trouble is no other's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings

from onboarding import decisions
from onboarding.aws import stacks
from onboarding.aws import trails as aws_trails
from onboarding.aws.session import AwsSession
from onboarding.engine import admission, advancing, deadlines, readings, sessions, steps, trails
from onboarding.engine.causes import failure_from_reason, failure_of
from onboarding.engine.claims import Work, holding, make_due
from onboarding.engine.findings import Finding, write
from onboarding.engine.readings import Shown
from onboarding.models import Run, Step
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
from onboarding.stored import failure_from_json

_LIVE = frozenset({Condition.LIVE, Condition.LIVE_AFTER_FAILED_UPDATE})


def look(work: Work, run: Run) -> timedelta | None:
    watch = begin(run)
    if watch is None:
        return None
    return steps.look_at_each(work, lambda step: watch.conclude(work, step, lambda: watch.ask(step)))


def begin(run: Run) -> "Watch | None":
    """None where nothing can have changed yet; the parent makes the regions due when it has begun."""
    parent = trails.parent_of(run)
    if parent is not None and not trails.has_begun(parent):
        return None
    return Watch(run, parent, sessions.handed_over(run, Stage.TRAILS))


@dataclass(frozen=True, slots=True)
class Seen:
    """What AWS said of a region: its stack, and the trail that delivers to us, if it is known to be there."""

    stack: Stack | None
    trail: Trail | None

    @property
    def condition(self) -> Condition:
        return decisions.condition(self.stack.status) if self.stack is not None else Condition.ABSENT


@dataclass(frozen=True, slots=True)
class Watch:
    """The regions of a run, as its owner's access shows them."""

    run: Run
    parent: Step | None
    session: AwsSession

    def ask(self, step: Step) -> Seen:
        """Ask AWS about the step's region, and nobody else: neither the database nor other regions."""
        if _is_of_the_owner(step):
            return Seen(None, self._our_trail(step))
        stack = stacks.describe(self.session, step.region, step.stack_id or step.target)
        if stack is not None and stack.status == "DELETE_COMPLETE":
            stack = stacks.describe(self.session, step.region, step.target) or stack
        seen = Seen(stack, None)
        made = _just_made(step, stack) if seen.condition == Condition.LIVE else None
        if made is not None and aws_trails.is_logging(self.session, step.region, made.arn):
            return Seen(stack, made)
        return Seen(stack, self._our_trail(step)) if seen.condition in _LIVE else seen

    def finding(self, step: Step, seen: Seen) -> Finding | None:
        """Its trail logs, or may still come to; None where what is wrong is to be judged."""
        # The id of a stack that has gone stays known.
        status, stack_id = (seen.stack.status, seen.stack.stack_id) if seen.stack else ("", step.stack_id)
        fields: dict[str, Any] = {"aws_status": status, "stack_id": stack_id}
        if seen.trail is not None and seen.trail.is_logging and _is_met(step, seen):
            shown = Shown(step.region, RegionState.LOGGING, stack=seen.stack, trail=seen.trail)
            fields["outputs"] = {"trail_arn": seen.trail.arn}
            return Finding(step, shown, StepStatus.FINISHED, fields)
        may_change = self.parent is not None and not trails.has_settled(self.parent, self.run.attempt)
        if seen.condition != Condition.BUSY and not may_change:
            return None
        state = RegionState.WAITING if seen.stack is None else RegionState.CREATING
        shown = Shown(step.region, state, stack=seen.stack, trail=seen.trail)
        return Finding(step, shown, StepStatus.WORKING, fields)

    def conclude(self, work: Work, step: Step, ask: Callable[[], Seen]) -> timedelta | None:
        seen = ask()
        finding = self.finding(step, seen)
        if finding is None:
            return _judge(work, step, self.parent, self.session, seen.stack, seen.trail)
        with holding(work) as run:
            self.write(run, [finding])
        return None if finding.is_last else deadlines.next_look(work.looks)

    def write(self, run: Run, findings: Sequence[Finding]) -> None:
        """Inside the caller's transaction on the run."""
        write(run, findings)
        if any(finding.is_last for finding in findings):
            _tell_parent(run)

    def _our_trail(self, step: Step) -> Trail | None:
        there = aws_trails.read_trails(self.session, step.region)
        return readings.our_trail(settings.COMPANY, there, step.region)


def _is_of_the_owner(step: Step) -> bool:
    """Whether it is a trail of the owner's, which the function makes deliver to the log storage. It makes no
    stack for it.
    """
    return step.target != settings.COMPANY.trails.regional_stack_name


def _is_met(step: Step, seen: Seen) -> bool:
    if _is_of_the_owner(step):
        return seen.trail is not None and seen.trail.name == step.target
    return seen.condition == Condition.LIVE


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
            readings.keep(run, [Shown(step.region, RegionState.WAITING, stack=stack, trail=trail)])
            return deadlines.next_look(0)
        # Another region may have asked for the next attempt since this look began.
        now = trails.parent_of(run)
        if now is not None and not trails.has_settled(now, run.attempt):
            return deadlines.next_look(0)
        code = steps.reason_code_for(failure, step)
        shown = Shown(
            step.region,
            RegionState.FAILED,
            stack=stack,
            trail=trail,
            reason_code=code,
            failure=failure,
        )
        readings.keep(run, [shown])
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
    if parent is not None and (cause := failure_from_json(parent.failure)) is not None:
        if cause.kind != FailureKind.UNKNOWN:
            return replace(cause, region=step.region)
        return failure_from_reason(cause.message, region=step.region, code=cause.code)
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
