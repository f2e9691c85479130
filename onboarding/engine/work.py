"""What does a worker do with one claim? One look at one work item, and then it says when to look again."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from onboarding import remedies
from onboarding.aws.errors import AwsFailure
from onboarding.custody.unseal import SealUnreadable
from onboarding.engine import (
    admission,
    advancing,
    cancelling,
    claims,
    deadlines,
    deployment,
    grants,
    parking,
    regions,
    removal,
    revocation,
    sessions,
    steps,
    survey,
    together,
    trails,
    undoing,
    verification,
)
from onboarding.engine.claims import Claim, ClaimLost, RunStopped, Work
from onboarding.models import Run
from onboarding.observed import Failure
from onboarding.states import WRITING_STAGES, FailureKind, GrantKind, RunStatus, Stage

logger = logging.getLogger(__name__)

# A role's session may end while the role is still ours to assume: so often it is assumed anew before we
# give up.
_NEW_SESSIONS = 2

# These pass. Whatever else AWS refuses a survey, or us when we open a stage's session (what it refuses a step
# is the step's), is told to the owner after so many times in a row: only another hand-over can help.
_PASSING = frozenset(
    {FailureKind.THROTTLED, FailureKind.UNREACHABLE, FailureKind.UNREADABLE, FailureKind.CONFLICT}
)
_MOST_REFUSALS = 3
# Our own clock may be set right meanwhile: with the default poll, in about three minutes.
_MOST_REFUSALS_OF_OUR_CLOCK = 5


# No owner can mend these: operators are alerted by what is logged as an error.
_FOR_THE_OPERATORS = frozenset({FailureKind.CLOCK_SKEW, FailureKind.OURS})


@dataclass(frozen=True, slots=True)
class Next:
    """Whether anything of the run is due at once, so that it need not wait for the next tick."""

    due_now: bool


def work(claim: Claim) -> Next:
    """Do what the claimed item needs now. AWS's faults become back-off; what is raised is our fault.

    Other regions of the same stage that are due are taken along.
    """
    held = claims.read(claim)
    if held is None:
        return Next(due_now=False)
    others = claims.take_along(held) if _may_take_others_along(held) else []
    return Next(due_now=_work_together([held, *others]) if others else _work_on(held, _look))


def _may_take_others_along(held: Work) -> bool:
    return together.may_be_looked_at(held) and not _must_be_surveyed(held)


def _work_together(works: Sequence[Work]) -> bool:
    first, *others = works
    try:
        asked = together.begin(first.run, first.stage)
    except (AwsFailure, grants.NoGrant, SealUnreadable):
        # What hinders them all need not be asked for each: the first is told.
        due_now = claims.release_all([(work, deadlines.next_look(0)) for work in others])
        return _work_on(first, _look) or due_now
    if asked is None:
        return max([_work_on(work, _look) for work in works])
    return together.look(works, asked, _work_on)


def _work_on(held: Work, look: Callable[[Work, Run], timedelta | None]) -> bool:
    """One look at one item; whether it is due at once again."""
    run = held.run
    faults, trouble = 0, None
    try:
        wait = look(held, run)
    except ClaimLost:
        return False
    except RunStopped:
        # Cancelled, or parked, while we looked: what there is to do now depends on its new status.
        wait = timedelta(0)
    except grants.NoGrant:
        wait = _without_access(held, Failure(FailureKind.OURS, "access_missing", ""))
    except SealUnreadable:
        wait = _without_access(held, Failure(FailureKind.OURS, "hand_over_unreadable", ""))
    except AwsFailure as refusal:
        faults, trouble = held.faults + 1, refusal.failure
        is_ours = refusal.failure.kind in _FOR_THE_OPERATORS
        logger.log(
            logging.ERROR if is_ours else logging.WARNING,
            "aws.fault run_id=%s stage=%s region=%s faults=%s kind=%s code=%s request_id=%s",
            held.run_id,
            held.stage,
            held.region,
            faults,
            refusal.failure.kind,
            refusal.failure.code,
            refusal.failure.request_id,
        )
        wait = _after(held, run, refusal.failure)
    return claims.release(held, wait, faults=faults, trouble=trouble)


def _look(held: Work, run: Run) -> timedelta | None:
    status = RunStatus(run.status)
    if held.stage == Stage.REVOKED:
        revocation.look(held, run)
        return None
    if status not in claims.ACTIVE_RUN_STATUSES:
        return None
    if status == RunStatus.CANCELLING:
        return cancelling.look(held, run)
    if held.stage in WRITING_STAGES and status != RunStatus.RUNNING:
        return None
    if held.stage == Stage.VERIFY and status == RunStatus.RUNNING:
        # Taken up again when nothing was left to write.
        with claims.holding(held) as locked:
            advancing.go_on(locked, held.stage)
        return None
    if _must_be_surveyed(held):
        survey.demand(held)
        return None
    return _look_of(held, is_undoing=run.is_undoing)(held, run)


def _must_be_surveyed(held: Work) -> bool:
    return held.stage in WRITING_STAGES and not held.run.is_by_hand and not survey.is_fresh(held)


def _look_of(held: Work, *, is_undoing: bool) -> Callable[[Work, Run], timedelta | None]:
    match held.stage:
        case Stage.SURVEY:
            return survey.look
        case Stage.ADMIT:
            return admission.look
        case Stage.REMOVE:
            return undoing.look if is_undoing else removal.look
        case Stage.ROLES:
            return deployment.look
        case Stage.TRAILS:
            return regions.look if held.region else trails.look
        case _:
            return verification.look


def _after(held: Work, run: Run, failure: Failure) -> timedelta | None:
    """What a fault, or the end of the access, means for the item."""
    if steps.is_of_our_identity(run, failure):
        # Nothing is wrong with the access: it is kept, and our own operators' to mend.
        sessions.renew_own()
        return deadlines.back_off(held.faults + 1)
    # Of a run being cancelled only what passes comes to here, and it can't wait for other access.
    is_being_cancelled = run.status == RunStatus.CANCELLING
    if failure.kind in _PASSING or held.stage in {Stage.ADMIT, Stage.VERIFY} or is_being_cancelled:
        return deadlines.back_off(held.faults + 1)
    if failure.kind not in steps.ACCESS_GONE:
        is_clock = failure.kind == FailureKind.CLOCK_SKEW
        if held.faults + 1 >= (_MOST_REFUSALS_OF_OUR_CLOCK if is_clock else _MOST_REFUSALS):
            return _without_access(held, failure)
        return deadlines.back_off(held.faults + 1)
    grant = run.grant
    if grant is not None and grant.kind == GrantKind.ROLE and held.faults < _NEW_SESSIONS:
        sessions.forget(grant.pk)
        return deadlines.next_look(0)
    return _without_access(held, failure)


def _without_access(held: Work, failure: Failure) -> timedelta | None:
    try:
        parking.needs_access(held, remedies.remedy_for(failure, held.stage).code, failure)
    except RunStopped:
        return timedelta(0)
    except ClaimLost:
        pass
    return None
