"""How does an owner agree to exactly the plan they have read?"""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding import wake
from onboarding.models import Run
from onboarding.models.history import destroy_grants, move_run, record
from onboarding.models.stages import lay_out, next_stage, open_for_a_person
from onboarding.planning import Plan
from onboarding.services.ownership import demand_ownership
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus, Stage


class PlanChanged(Refused):
    """What was read isn't what the run would do now."""

    def __init__(self) -> None:
        super().__init__(
            "plan_changed",
            _("The plan has changed since you opened it. Nothing was started. Read it again, then approve."),
        )


class NothingToApprove(Refused):
    """The run has no plan that waits for approval."""

    def __init__(self) -> None:
        super().__init__("nothing_to_approve", _("This run has no plan that waits for approval."))


class NotTicked(Refused):
    """A deletion in the plan was not agreed to by itself. `ordinals` are the steps that lack it."""

    def __init__(self, ordinals: tuple[int, ...]) -> None:
        super().__init__(
            "not_ticked",
            _("What is deleted can’t be undone from here. Tick each deletion. Nothing was started."),
        )
        self.ordinals = ordinals


def approve(user: User, run: Run, digest: str, *, ticked: Collection[int] | None = None) -> None:
    """Approve the plan with this digest and start on it; again, for the same digest, has no effect.

    `ticked` are the deletions, by their ordinals, that the owner agreed to one by one; None where they were
    asked in another way, as on the terminal.
    A plan without writes needs no access: the grant is destroyed and the run goes on to verifying.
    Raises NotOwner, PlanChanged, NothingToApprove, NotTicked.
    """
    demand_ownership(user, run.account)
    with transaction.atomic():
        current = Run.objects.select_for_update().get(pk=run.pk)
        if current.status != RunStatus.PLANNED:
            if current.approved_digest == digest and digest and not current.is_settled:
                run.refresh_from_db()
                return
            raise NothingToApprove
        if not current.plan or digest != current.plan_digest:
            raise PlanChanged
        plan = Plan.from_json(current.plan)
        deletions = tuple(step.ordinal for step in plan.deletions)
        if ticked is not None and (missing := tuple(each for each in deletions if each not in ticked)):
            raise NotTicked(missing)
        lay_out(current, plan)
        record(current.pk, "plan.approved", digest=digest, by_id=user.pk, ticked=list(deletions))
        _start(current, plan, approved_digest=digest, approved_by_id=user.pk, approved_at=timezone.now())
        wake.wake(current.pk)
    run.refresh_from_db()


def _start(run: Run, plan: Plan, *, approved_by_id: int, **approved: Any) -> None:
    approved["approved_by_id"] = approved_by_id
    if plan.is_empty:
        destroy_grants(run.account_id, reason="nothing_to_write")
        move_run(run, RunStatus.VERIFYING, expect=[RunStatus.PLANNED], by_id=approved_by_id, **approved)
        open_for_a_person(run, Stage.VERIFY)
    else:
        move_run(run, RunStatus.RUNNING, expect=[RunStatus.PLANNED], by_id=approved_by_id, **approved)
        open_for_a_person(run, next_stage(run) or Stage.VERIFY)
