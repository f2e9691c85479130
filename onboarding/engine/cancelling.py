"""What becomes of a run that its owner stops? Nothing new begins; what was asked is watched to its end.

When nothing is in flight any more the access is destroyed and the run is cancelled (see `advancing`). A
function that AWS has already started can't be stopped.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from onboarding import decisions
from onboarding.aws import stacks
from onboarding.aws.errors import AwsFailure
from onboarding.engine import advancing, deadlines, grants, intents, sessions, steps
from onboarding.engine.claims import LEASE, Work, holding
from onboarding.models import Run, Step, history
from onboarding.observed import Failure, Stack
from onboarding.states import Condition, Goal, Move, RunStatus, Stage, StepKind, StepStatus

_CANCELLING = frozenset({RunStatus.CANCELLING})
REASON = "cancelled_by_owner"


def look(work: Work, run: Run) -> timedelta | None:
    waits = [_settle(work, run, step) for step in steps.unsettled(work)]
    with holding(work, run_in=_CANCELLING) as held:
        advancing.go_on(held, work.stage)
    return min((wait for wait in waits if wait is not None), default=None)


def _settle(work: Work, run: Run, step: Step) -> timedelta | None:
    if not _has_a_stack(step):
        _refuse(work, step)
        return None
    try:
        session = sessions.handed_over(run, Stage(work.stage))
        stack = stacks.describe(session, step.region, _name_of(step))
    except (grants.NoGrant, AwsFailure) as trouble:
        if isinstance(trouble, AwsFailure) and _passes(run, trouble.failure) and not steps.is_over(step):
            raise
        # It can't be watched any more: AWS finishes it by itself, unseen.
        _refuse(work, step)
        return None
    seen: dict[str, Any] = (
        {"aws_status": stack.status, "stack_id": stack.stack_id} if stack is not None else {}
    )
    if decisions.condition_of(stack) == Condition.BUSY and not steps.is_over(step):
        with holding(work):
            history.move_step(step, StepStatus.WORKING, **seen)
        return deadlines.next_look(work.looks)
    if _may_still_be_sent(run, step, stack):
        return deadlines.next_look(work.looks)
    if _is_reached(step, stack):
        advancing.settle(work, step, StepStatus.FINISHED, **(seen or {"aws_status": "DELETE_COMPLETE"}))
        return None
    _refuse(work, step, **seen)
    return None


def _passes(run: Run, failure: Failure) -> bool:
    return failure.kind in steps.PASSING or steps.is_of_our_identity(run, failure)


def _name_of(step: Step) -> str:
    """What is removed is known by its id; what is created isn't yet: its step may still have the id of what
    was deleted first.
    """
    return step.stack_id if step.goal == Goal.ABSENT else step.target


def _has_a_stack(step: Step) -> bool:
    """Whether something of this step may be in flight; also of one that waits to be tried again.

    Regions follow their parent, and aren't waited for.
    """
    return step.kind in {StepKind.REMOVE_STACK, StepKind.DEPLOY_ROLES, StepKind.DEPLOY_TRAILS} and bool(
        step.last_move
    )


def _may_still_be_sent(run: Run, step: Step, stack: Stack | None) -> bool:
    """Whether a worker may be about to ask, or to have asked unheard, what it intended before the cancel.

    It has its lease's time for that. A stack that is there shows that its creation has been asked for, and
    one that isn't that its deletion has.
    """
    if intents.was_answered(step) or timezone.now() >= run.status_since + LEASE:
        return False
    match step.last_move:
        case Move.CREATE:
            return decisions.condition_of(stack) == Condition.ABSENT
        case Move.DELETE:
            return decisions.condition_of(stack) != Condition.ABSENT
        case _:
            return True


def _is_reached(step: Step, stack: Stack | None) -> bool:
    return decisions.condition_of(stack) == (Condition.ABSENT if step.goal == Goal.ABSENT else Condition.LIVE)


def _refuse(work: Work, step: Step, **seen: Any) -> None:
    advancing.settle(work, step, StepStatus.REFUSED, reason_code=REASON, **seen)
