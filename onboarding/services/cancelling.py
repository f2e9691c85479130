"""How does an owner stop a run, and what becomes of what was already sent?

Before anything is in flight, at once. Otherwise the run keeps its access until AWS has settled what was sent:
the engine waits for that and then cancels it, leaving things as they are.
"""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from onboarding import wake
from onboarding.models import Run
from onboarding.models.history import destroy_grants, move_run, move_step, record
from onboarding.models.stages import close_all, next_stage, open_for_a_person
from onboarding.services.ownership import demand_ownership
from onboarding.services.refusals import Refused
from onboarding.states import UNSETTLED_STEP_STATUSES, RunStatus, StepStatus

# Not only while running: one that is parked, looked at again or planned again may have sent something before.
_TO_BE_CANCELLED = (
    RunStatus.DRAFT,
    RunStatus.SURVEYING,
    RunStatus.PLANNED,
    RunStatus.RUNNING,
    RunStatus.NEEDS_ACCESS,
    RunStatus.NEEDS_OWNER,
)


class CannotCancel(Refused):
    """There is nothing left that cancelling would stop."""

    def __init__(self) -> None:
        super().__init__(
            "cannot_cancel", _("Everything has been done already, so there is nothing left to cancel.")
        )


def cancel(user: User, run: Run) -> None:
    """Stop a run; again, has no effect. Raises NotOwner, CannotCancel."""
    demand_ownership(user, run.account)
    with transaction.atomic():
        current = Run.objects.select_for_update().get(pk=run.pk)
        status = RunStatus(current.status)
        if status in {RunStatus.CANCELLING, RunStatus.CANCELLED}:
            pass
        elif status not in _TO_BE_CANCELLED:
            raise CannotCancel
        elif status == RunStatus.RUNNING or _is_in_flight(current):
            move_run(current, RunStatus.CANCELLING, expect=[status], by_id=user.pk)
            stage = next_stage(current)
            if stage is not None:
                open_for_a_person(current, stage)
            wake.wake(current.pk)
        else:
            _cancel_at_once(current, status, by_id=user.pk)
    run.refresh_from_db()


def leave_as_is(user: User, run: Run) -> None:
    """Of a run being cancelled: keep what was done. At once if nothing is in flight, else when it settles."""
    demand_ownership(user, run.account)
    with transaction.atomic():
        current = Run.objects.select_for_update().get(pk=run.pk)
        if current.status == RunStatus.CANCELLING:
            record(current.pk, "owner.note", choice="leave_as_is", by_id=user.pk)
            if _is_in_flight(current):
                wake.wake(current.pk)
            else:
                _cancel_at_once(current, RunStatus.CANCELLING, by_id=user.pk)
        elif current.status != RunStatus.CANCELLED:
            raise CannotCancel
    run.refresh_from_db()


def _is_in_flight(run: Run) -> bool:
    """Whether a request may have been sent whose outcome isn't known yet."""
    return run.steps.filter(status=StepStatus.WORKING).exclude(last_move="").exists()


def _cancel_at_once(run: Run, status: RunStatus, *, by_id: int) -> None:
    # What is over has no open step: a page would show it waiting for ever.
    for step in run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).order_by("ordinal"):
        move_step(step, StepStatus.REFUSED, reason_code="cancelled_by_owner")
    destroy_grants(run.account_id, reason="cancelled")
    close_all(run)
    move_run(run, RunStatus.CANCELLED, expect=[status], reason_code="cancelled_by_owner", by_id=by_id)
