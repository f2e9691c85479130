"""How does an owner stop a run, and what becomes of what was already sent?

Before anything is in flight, at once. Otherwise the run keeps its access until AWS has settled what was sent:
the engine waits for that. If the run has created something its owner then chooses whether that stays or is
undone; undoing is a run of its own.
"""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from onboarding import wake
from onboarding.models import AwsAccount, Run, undoing
from onboarding.models.history import destroy_grants, move_run, move_step, record
from onboarding.models.stages import close_all, next_stage, open_for_a_person
from onboarding.services.ownership import demand_ownership
from onboarding.services.refusals import Refused
from onboarding.states import UNSETTLED_STEP_STATUSES, RunStatus, Stage, StepStatus

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


class NothingToUndo(Refused):
    """The run isn't being cancelled any more, or has created nothing."""

    def __init__(self) -> None:
        super().__init__("nothing_to_undo", _("There is nothing that could be undone here any more."))


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
        elif status == RunStatus.RUNNING or _is_in_flight(current) or _may_be_undone(current):
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
            record(current.pk, "owner.note", choice=undoing.LEAVE, by_id=user.pk)
            if _is_in_flight(current):
                wake.wake(current.pk)
            else:
                _cancel_at_once(current, RunStatus.CANCELLING, by_id=user.pk)
        elif current.status != RunStatus.CANCELLED:
            raise CannotCancel
    run.refresh_from_db()


def undo(user: User, run: Run) -> Run:
    """Have what a cancelled run created removed: by a run of its own, with a plan to approve.

    It takes over the access, if that is still held. Again, has no effect. Raises NotOwner, NothingToUndo.
    """
    demand_ownership(user, run.account)
    with transaction.atomic():
        AwsAccount.objects.lock(run.account_id)
        current = Run.objects.select_for_update(of=("self",)).select_related("grant").get(pk=run.pk)
        begun = current.undone_by.first()
        if begun is not None:
            return begun
        if not undoing.is_asked(current):
            raise NothingToUndo
        record(current.pk, "owner.note", choice=undoing.UNDO, by_id=user.pk)
        close_all(current)
        move_run(
            current,
            RunStatus.CANCELLED,
            expect=[RunStatus.CANCELLING],
            reason_code="cancelled_by_owner",
            by_id=user.pk,
        )
        begun = _begin_undoing(user, current)
    run.refresh_from_db()
    return begun


def _begin_undoing(user: User, undone: Run) -> Run:
    run = Run.objects.create(account=undone.account, started_by=user, undoes=undone)
    record(run.pk, "run.status", status=RunStatus.DRAFT, by_id=user.pk)
    grant = undone.grant if undone.grant is not None and undone.grant.destroyed_at is None else None
    move_run(run, RunStatus.SURVEYING, expect=[RunStatus.DRAFT], by_id=user.pk, grant=grant)
    if grant is None:
        move_run(run, RunStatus.NEEDS_ACCESS, expect=[RunStatus.SURVEYING], reason_code="undo_needs_access")
    else:
        open_for_a_person(run, Stage.SURVEY)
        wake.wake(run.pk)
    return run


def _may_be_undone(run: Run) -> bool:
    return not run.is_undoing and bool(undoing.created_by(run))


def _is_in_flight(run: Run) -> bool:
    """Whether a request may have been sent whose outcome isn't known yet."""
    return run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).exclude(last_move="").exists()


def _cancel_at_once(run: Run, status: RunStatus, *, by_id: int) -> None:
    # What is over has no open step: a page would show it waiting for ever.
    for step in run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).order_by("ordinal"):
        move_step(step, StepStatus.REFUSED, reason_code="cancelled_by_owner")
    destroy_grants(run.account_id, reason="cancelled")
    close_all(run)
    move_run(run, RunStatus.CANCELLED, expect=[status], reason_code="cancelled_by_owner", by_id=by_id)
