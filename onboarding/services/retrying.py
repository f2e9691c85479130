"""How does an owner, or an operator for them, try an account again after a run has settled?

What failed is tried again under the plan that was approved: with the same role at once, else after another
hand-over. Where the plan itself must change there is a new run.
"""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from onboarding import wake
from onboarding.models import AwsAccount, Run, Step
from onboarding.models.history import move_run, record
from onboarding.models.stages import next_stage, open_stage, reopen, steps_to_retry
from onboarding.services import hand_over
from onboarding.services.ownership import demand_owner_or_operator, demand_ownership
from onboarding.services.refusals import Refused
from onboarding.states import GrantKind, RunStatus, Stage

_FAILED = (RunStatus.PARTLY_DONE, RunStatus.FAILED)
# How the event calls it.
CHOICE = "retry_failed"


class StillOpen(Refused):
    """The account's present run hasn't settled."""

    def __init__(self) -> None:
        super().__init__("still_open", _("A job for this account is already running."))


def start_again(user: User, account: AwsAccount) -> Run:
    """A new run that waits for a hand-over; the one that already waits, if there is one. Raises StillOpen.

    What the earlier runs did is found by the survey and not done again.
    """
    demand_owner_or_operator(user, account)
    with transaction.atomic():
        AwsAccount.objects.lock(account.pk)
        run = account.runs.open().first()
        if run is None:
            run = Run.objects.create(account=account, started_by=user)
            record(run.pk, "run.status", status=RunStatus.DRAFT, by_id=user.pk)
        elif run.status != RunStatus.DRAFT:
            raise StillOpen
    return run


class NothingToRetry(Refused):
    """Nothing of the run failed that its approved plan could still bring about."""

    def __init__(self) -> None:
        super().__init__(
            "nothing_to_retry", _("Nothing of this run can be tried again as it is: it needs a new plan.")
        )


def retry_failed(user: User, run: Run) -> None:
    """Take a run up again where it failed; again, while it is at it, has no effect.

    Only steps that didn't finish are touched, and the survey is made anew before the first write: what no
    longer fits the approval asks the owner. Raises NotOwner, NothingToRetry, StillOpen.
    """
    demand_ownership(user, run.account)
    with transaction.atomic():
        account = AwsAccount.objects.lock(run.account_id)
        current = Run.objects.select_for_update(of=("self",)).select_related("grant").get(pk=run.pk)
        opened = account.runs.open().first()
        if opened is not None and opened != current:
            raise StillOpen
        if opened is None:
            _take_up(user, account, current)
    run.refresh_from_db()


def failed_steps(run: Run) -> list[Step]:
    """What trying the run again would touch; nothing where it needs a new plan, or isn't the newest."""
    is_newest = run.account.runs.latest("created_at") == run
    is_approved = bool(run.approved_digest) and run.approved_digest == run.plan_digest
    return steps_to_retry(run) if run.status in _FAILED and is_newest and is_approved else []


def _take_up(user: User, account: AwsAccount, run: Run) -> None:
    failed = failed_steps(run)
    if not failed:
        raise NothingToRetry
    record(run.pk, "owner.note", choice=CHOICE, by_id=user.pk)
    reopen(run, failed)
    if next_stage(run) == Stage.VERIFY:
        # Seen from outside, which needs no access to the account.
        move_run(run, RunStatus.VERIFYING, expect=_FAILED, by_id=user.pk, finished_at=None)
        open_stage(run, Stage.VERIFY)
        wake.wake(run.pk)
        return
    was_role = run.grant is not None and run.grant.kind == GrantKind.ROLE
    move_run(
        run,
        RunStatus.NEEDS_ACCESS,
        expect=_FAILED,
        reason_code="retry_needs_access",
        by_id=user.pk,
        finished_at=None,
    )
    if was_role and account.last_role_arn:
        hand_over.hand_over_role(user, account, account.last_role_arn)
