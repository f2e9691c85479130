"""How is an account covered whose owner hands nothing over? They create the stacks; the portal proves it.

The storage side must admit the account first: the worker does that when the owner chooses this way, and then
waits. What the owner ticks off is noted and proves nothing. When they ask for it, the account is looked at
from outside, as after any other run.
"""

from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding import wake
from onboarding.models import AwsAccount, Event, Run, Step
from onboarding.models.history import move_run, move_step, record
from onboarding.models.stages import lay_out_by_hand, open_for_a_person
from onboarding.services.hand_over import RunInProgress, check_role_arn
from onboarding.services.ownership import demand_ownership
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus, Stage, StepKind, StepStatus

# What the owner ticks off, in order.
TICKS = ("old", "roles", "trails")

_CHOICE = "by_hand"

# Each takes room in the log storage's policies, before anybody has proven that the account is theirs.
MOST_UNPROVEN, UNPROVEN_WITHIN = 20, timedelta(days=1)


class NotAHome(Refused):
    def __init__(self) -> None:
        super().__init__("not_a_home", _("The stacks can’t live in this region."))


class TooManyUnproven(Refused):
    """Nothing has shown yet that the accounts begun before are this person's."""

    def __init__(self) -> None:
        super().__init__(
            "too_many_unproven",
            _("You have begun many accounts by hand today. Have those verified first, or go on tomorrow."),
        )


class NotWaiting(Refused):
    """The run isn't one that waits for its owner's hands."""

    def __init__(self) -> None:
        super().__init__("not_waiting", _("The portal does not wait for this just now."))


def begin(user: User, account: AwsAccount, home_region: str) -> Run:
    """Have the account admitted, and then wait for its owner; again, has no effect.

    Raises NotOwner, NotAHome, RunInProgress, TooManyUnproven.
    """
    demand_ownership(user, account)
    if home_region not in settings.COMPANY.home.regions:
        raise NotAHome
    with transaction.atomic():
        AwsAccount.objects.lock(account.pk)
        run = account.runs.open().select_for_update(of=("self",)).first()
        if run is None:
            run = Run.objects.create(account=account, started_by=user)
            record(run.pk, "run.status", status=RunStatus.DRAFT, by_id=user.pk)
        elif run.is_by_hand:
            return run
        elif run.status != RunStatus.DRAFT:
            raise RunInProgress(_("A job for this account is already running."))
        if _unproven(user, account) >= MOST_UNPROVEN:
            raise TooManyUnproven
        lay_out_by_hand(run, settings.COMPANY.roles.stack_name)
        record(run.pk, "owner.note", choice=_CHOICE, done="begin", by_id=user.pk)
        move_run(
            run,
            RunStatus.RUNNING,
            expect=[RunStatus.DRAFT],
            by_id=user.pk,
            is_by_hand=True,
            home_region=home_region,
            choices={},
        )
        open_for_a_person(run, Stage.ADMIT)
        wake.wake(run.pk)
    return run


def _unproven(user: User, account: AwsAccount) -> int:
    """How many other accounts of theirs were begun lately and not yet seen through a role in them."""
    seen = Step.objects.filter(run=OuterRef("run_id"), kind=StepKind.VERIFY_ROLES, status=StepStatus.FINISHED)
    begun = Event.objects.filter(
        run__account__ownerships__user=user,
        kind="owner.note",
        data__choice=_CHOICE,
        data__done="begin",
        data__by_id=user.pk,
        at__gt=timezone.now() - UNPROVEN_WITHIN,
    )
    others = begun.exclude(run__account=account).exclude(Exists(seen))
    return others.values("run__account").distinct().count()


def tick(user: User, run: Run, ticked: Collection[str]) -> None:
    """Note what the owner says is done. Raises NotOwner, NotWaiting."""
    demand_ownership(user, run.account)
    with transaction.atomic():
        current = _waiting(run)
        before = set(current.choices.get("ticked", ()))
        for done in TICKS:
            if done in ticked and done not in before:
                record(current.pk, "owner.note", choice=_CHOICE, done=done, by_id=user.pk)
        now = [done for done in TICKS if done in ticked]
        Run.objects.filter(pk=current.pk).update(choices={**current.choices, "ticked": now})
    run.refresh_from_db()


def verify(user: User, run: Run, audit_role_arn: str) -> None:
    """Have the account looked at through this audit role. Raises NotOwner, NotWaiting, HandOverRefused."""
    demand_ownership(user, run.account)
    audit_role_arn = audit_role_arn.strip()
    check_role_arn(audit_role_arn, run.account.number)
    with transaction.atomic():
        current = _waiting(run)
        roles = current.steps.get(kind=StepKind.VERIFY_ROLES)
        move_step(roles, StepStatus.WAITING, outputs={"SecurityAuditRoleArn": audit_role_arn})
        record(current.pk, "owner.note", choice=_CHOICE, done="verify", by_id=user.pk)
        move_run(current, RunStatus.RUNNING, expect=[RunStatus.NEEDS_OWNER], by_id=user.pk)
        open_for_a_person(current, Stage.VERIFY)
        wake.wake(current.pk)
    run.refresh_from_db()


def _waiting(run: Run) -> Run:
    current = Run.objects.select_for_update().get(pk=run.pk)
    if current.status != RunStatus.NEEDS_OWNER or not current.is_by_hand:
        raise NotWaiting
    return current
