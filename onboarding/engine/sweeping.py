"""Does anything stand still that should not? Asked at every tick.

A run that has stood in its status for too long fails with a reason. A run at work none of whose items is due,
which no path should lead to, is looked at again.
"""

import uuid
from datetime import datetime

from django.db import transaction

from onboarding.engine import advancing, deadlines, parking, sessions
from onboarding.engine.claims import ACTIVE_RUN_STATUSES
from onboarding.models import Run
from onboarding.models.stages import next_stage, open_stage
from onboarding.states import RunStatus, Stage

OVERDUE = {
    RunStatus.PLANNED: "nobody_approved",
    RunStatus.NEEDS_ACCESS: "nobody_gave_access",
    RunStatus.NEEDS_OWNER: "nobody_decided",
}


def sweep(now: datetime) -> None:
    sessions.forget_ended()
    for run_id, status, since in Run.objects.open().values_list("pk", "status", "status_since"):
        ends = deadlines.run_limit_ends(RunStatus(status), since)
        if ends is not None and ends < now:
            _end(run_id, RunStatus(status))
    idle = Run.objects.filter(status__in=ACTIVE_RUN_STATUSES).exclude(work_items__due_at__isnull=False)
    for run_id in idle.values_list("pk", flat=True):
        _revive(run_id)


def _end(run_id: uuid.UUID, status: RunStatus) -> None:
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run_id)
        if RunStatus(run.status) != status:
            return
        if status == RunStatus.CANCELLING:
            advancing.stop_watching(run)
        elif status == RunStatus.VERIFYING:
            advancing.stop_verifying(run)
        else:
            parking.fail(run, OVERDUE.get(status, "took_too_long"))


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
