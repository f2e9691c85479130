"""How does one work item go through its steps, and what does a refusal do to one?

A step that AWS refuses fails and says why; the others go on. What may pass by itself is raised, so that the
item is tried again later.
"""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from onboarding import remedies
from onboarding.aws.errors import IDENTITY_MISSING, AwsFailure
from onboarding.engine import advancing, deadlines, intents
from onboarding.engine.claims import Work
from onboarding.models import Run, Step, WorkItem
from onboarding.models.stages import steps_of
from onboarding.observed import Failure, Stack
from onboarding.states import FailureKind, GrantKind, Stage, StepStatus

# These pass: the step stands as it is, and the item is tried again.
PASSING = frozenset(
    {
        FailureKind.THROTTLED,
        FailureKind.UNREACHABLE,
        FailureKind.UNREADABLE,
        FailureKind.CONFLICT,
        FailureKind.CLOCK_SKEW,
    }
)
# With these nothing more can be asked until the owner hands over anew.
ACCESS_GONE = frozenset({FailureKind.EXPIRED, FailureKind.INVALID_CREDENTIALS})

Look = Callable[[Step], timedelta | None]


def unsettled(work: Work) -> list[Step]:
    item = WorkItem(run_id=work.run_id, stage=work.stage, region=work.region)
    return [step for step in steps_of(item) if not step.is_settled]


def look_at_each(work: Work, look: Look) -> timedelta | None:
    """Look at every unsettled step of the item; answers when the first of them wants another look."""
    waits = [_look_at(work, step, look) for step in unsettled(work)]
    return min((wait for wait in waits if wait is not None), default=None)


def _look_at(work: Work, step: Step, look: Look) -> timedelta | None:
    # Asked before the look: one whose time ends during it is judged by what the look itself finds.
    was_over = is_over(step)
    try:
        wait = look(step)
    except intents.TooManyAttempts:
        fail(work, step, "undone_again_and_again")
        return None
    except AwsFailure as refusal:
        kind, may_pass = refusal.failure.kind, not is_over(step)
        if may_pass and (kind in ACCESS_GONE or (kind in PASSING and not _has_too_many_faults(work))):
            raise
        fail_for(work, step, refusal.failure)
        return None
    if wait is not None and was_over:
        fail(work, step, "took_too_long")
        return None
    return wait


def _has_too_many_faults(work: Work) -> bool:
    """Whether nothing but faults has come of the item for too long; its step may never have begun."""
    is_one_region = work.stage == Stage.TRAILS and bool(work.region)
    return work.faults >= (deadlines.MOST_FAULTS_OF_A_REGION if is_one_region else deadlines.MOST_FAULTS)


def is_over(step: Step) -> bool:
    """Whether the step has been worked on for longer than its stage allows."""
    limit = deadlines.STEP_LIMITS[Stage(step.stage)]
    return step.started_at is not None and timezone.now() > step.started_at + limit


def fail(work: Work, step: Step, reason_code: str, failure: Failure | None = None, **fields: object) -> None:
    advancing.settle(work, step, StepStatus.FAILED, reason_code=reason_code, failure=failure, **fields)


def fail_for(work: Work, step: Step, failure: Failure) -> None:
    """Fail the step with the remedy that fits what AWS said."""
    fail(work, step, reason_code_for(failure, step), failure)


def fail_because(
    work: Work, step: Step, failure: Failure | None, otherwise: str, *, stack: Stack | None
) -> None:
    """Fail the step with the remedy that fits what AWS said, or `otherwise` where none does."""
    code = reason_code_for(failure, step) if failure is not None else otherwise
    status = stack.status if stack is not None else ""
    fail(work, step, otherwise if code == remedies.UNKNOWN.code else code, failure, aws_status=status)


def reason_code_for(failure: Failure, step: Step) -> str:
    """The code of the remedy that fits; our own checks name theirs already."""
    return remedies.remedy_for(failure, step.kind).code


def is_of_our_identity(run: Run, failure: Failure) -> bool:
    """Whether the worker has no AWS identity, or one whose time is over, with which to assume a role."""
    if failure.kind == FailureKind.OURS:
        return failure.code in IDENTITY_MISSING
    is_role = run.grant is not None and run.grant.kind == GrantKind.ROLE
    return is_role and failure.operation == "AssumeRole" and failure.kind in ACCESS_GONE
