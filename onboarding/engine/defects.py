"""What becomes of the work on which our own code breaks, again and again?

It ends as our fault, and says so: neither as "took too long" after hours, nor as something for the account's
owner to mend. The other parts of the run go on.
"""

import logging
from uuid import UUID

from django.db import DatabaseError, transaction

from onboarding.engine import advancing, deadlines, parking, revocation, steps
from onboarding.engine.claims import Claim, ClaimLost, Work, held_under, holding, read, release
from onboarding.models import Run
from onboarding.states import RunStatus, Stage, StepStatus

logger = logging.getLogger(__name__)

REASON = "portal_broke"


def give_back(claim: Claim) -> None:
    """Our code broke on the claimed item: try it again, ever more slowly; end it when that helps nothing.

    So with whatever was taken along: from then on each is worked on by itself, and the broken one is found.
    """
    for item_id in held_under(claim):
        _give_back(Claim(item_id, claim.holder))


def _give_back(claim: Claim) -> None:
    held = read(claim)
    if held is None:
        return
    breaks = held.breaks + 1
    if breaks >= deadlines.MOST_BREAKS:
        _end_work(held)
    release(held, deadlines.back_off(breaks), faults=held.faults, breaks=breaks)


def _end_work(work: Work) -> None:
    """End what the item works on; where even that breaks, the whole run."""
    logger.error("work.given_up run_id=%s stage=%s region=%s", work.run_id, work.stage, work.region)
    try:
        _end_part(work)
    except (ClaimLost, DatabaseError):
        raise
    except Exception as error:  # noqa: BLE001 - what is broken may be met again on the way to the end
        logger.error("work.end_broke run_id=%s error=%s", work.run_id, type(error).__name__)  # noqa: TRY400
        end_run(work.run_id)


def _end_part(work: Work) -> None:
    if work.stage == Stage.REVOKED:
        revocation.give_up(work)
        return
    with holding(work) as run:
        unsettled = steps.unsettled(work)
        if work.stage == Stage.SURVEY or not unsettled:
            _end(run)
        for step in unsettled:
            advancing.settle_within(run, step, StepStatus.FAILED, reason_code=REASON)


def end_run(run_id: UUID) -> None:
    """End a run that our code can't bring to an end in the usual way."""
    with transaction.atomic():
        _end(Run.objects.select_for_update().get(pk=run_id))


def _end(run: Run) -> None:
    match RunStatus(run.status):
        case RunStatus.CANCELLING:
            advancing.stop_watching(run)
        case RunStatus.SURVEYING | RunStatus.RUNNING | RunStatus.VERIFYING:
            parking.fail(run, REASON)
        case _:
            # It waits for a person, or is over.
            return
