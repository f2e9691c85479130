"""Does anything stand still that should not? Asked every two seconds.

Access that is held for too long is destroyed. A run that has stood in its status for too long fails with a
reason. A run at work none of whose items is due, which no path should lead to, is looked at again.
"""

import logging
import uuid
from datetime import datetime

from django.db import DatabaseError, transaction

from onboarding import remedies
from onboarding.engine import advancing, deadlines, defects, grants, parking, sessions
from onboarding.engine.claims import ACTIVE_RUN_STATUSES
from onboarding.models import AwsAccount, Grant, Run, history
from onboarding.models.stages import close_all, next_stage, open_stage
from onboarding.observed import Failure
from onboarding.states import RunStatus, Stage
from onboarding.stored import failure_from_json

logger = logging.getLogger(__name__)

_GO_ON_WITH_ACCESS = frozenset({RunStatus.SURVEYING, RunStatus.PLANNED, RunStatus.RUNNING})

OVERDUE = {
    RunStatus.PLANNED: "nobody_approved",
    RunStatus.NEEDS_ACCESS: "nobody_gave_access",
    RunStatus.NEEDS_OWNER: "nobody_decided",
}


def sweep(now: datetime) -> None:
    for grant in grants.overdue(now):
        _give_up(grant, now)
    grants.seal_anew()
    sessions.forget_ended()
    grants.wipe_traces(now)
    for run_id, status, since in Run.objects.open().values_list("pk", "status", "status_since"):
        ends = deadlines.run_limit_ends(RunStatus(status), since)
        if ends is not None and ends < now:
            _end_somehow(run_id, RunStatus(status))
        elif status == RunStatus.CANCELLING and since + deadlines.UNDO_CHOICE_LIMIT < now:
            _leave_as_is(run_id)
    idle = Run.objects.filter(status__in=ACTIVE_RUN_STATUSES).exclude(work_items__due_at__isnull=False)
    for run_id in idle.values_list("pk", flat=True):
        _revive(run_id)


def _give_up(grant: Grant, now: datetime) -> None:
    """Destroy access whose time is over, and ask the owner for another hand-over where the run needs one."""
    with transaction.atomic():
        # As people's acts do: somebody may be handing over anew at this moment.
        AwsAccount.objects.lock(grant.account_id)
        run = Run.objects.select_for_update().filter(account_id=grant.account_id).open().first()
        if not grants.overdue(now).filter(pk=grant.pk).exists():
            return
        has_ended = grant.claimed_expiry is not None and grant.claimed_expiry <= now
        reason_code = "expired_credentials" if has_ended else "kept_too_long"
        history.destroy_grants(grant.account_id, reason=reason_code)
        if run is not None and RunStatus(run.status) in _GO_ON_WITH_ACCESS:
            close_all(run)
            history.move_run(run, RunStatus.NEEDS_ACCESS, expect=_GO_ON_WITH_ACCESS, reason_code=reason_code)


def _end_somehow(run_id: uuid.UUID, status: RunStatus) -> None:
    """A run on whose end our code breaks ends as our fault, and keeps no other from ending."""
    try:
        _end(run_id, status)
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, no run may stand for ever
        logger.error("sweep.end_broke run_id=%s error=%s", run_id, type(error).__name__)  # noqa: TRY400
        defects.end_run(run_id)


def _leave_as_is(run_id: uuid.UUID) -> None:
    """Nobody has chosen in time whether to undo it: that is never done unasked."""
    with transaction.atomic():
        advancing.leave_as_is(Run.objects.select_for_update().get(pk=run_id))


def _end(run_id: uuid.UUID, status: RunStatus) -> None:
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run_id)
        if RunStatus(run.status) != status:
            return
        if status == RunStatus.CANCELLING:
            advancing.stop_watching(run)
        elif status == RunStatus.VERIFYING:
            advancing.stop_verifying(run)
        elif (reason_code := OVERDUE.get(status)) is not None:
            parking.fail(run, reason_code)
        else:
            parking.fail(run, *_why_it_took_too_long(run))


def _why_it_took_too_long(run: Run) -> tuple[str, Failure | None]:
    """What kept the run from going on to the last, where that is known."""
    troubled = run.work_items.filter(due_at__isnull=False, trouble__isnull=False)
    item = troubled.order_by("-faults", "pk").first()
    failure = failure_from_json(item.trouble) if item is not None else None
    if item is None or failure is None:
        return "took_too_long", None
    return remedies.remedy_for(failure, item.stage).code, failure


def _revive(run_id: uuid.UUID) -> None:
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run_id)
        if RunStatus(run.status) not in ACTIVE_RUN_STATUSES:
            return
        if run.work_items.filter(due_at__isnull=False).exists():
            return
        stage = Stage.SURVEY if run.status == RunStatus.SURVEYING else next_stage(run)
        if stage is not None:
            open_stage(run, stage)
        else:
            advancing.go_on(run, Stage.VERIFY)
