"""Who has seen an account's ExternalId, and how does an owner get a new one? Then the old opens nothing."""

import hashlib

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from onboarding.models import AwsAccount, Run
from onboarding.models.account import new_external_id
from onboarding.models.audit import AuditKind, append
from onboarding.models.history import destroy_grants, move_run
from onboarding.models.stages import close_all
from onboarding.services.ownership import demand_ownership
from onboarding.services.refusals import Refused
from onboarding.states import GrantKind, RunStatus

# In these the run holds, or may hold, a role with the old ExternalId.
_USING_ACCESS = frozenset({RunStatus.SURVEYING, RunStatus.PLANNED, RunStatus.RUNNING})


class StillCancelling(Refused):
    """What AWS is still doing is watched with the old one."""

    def __init__(self) -> None:
        super().__init__(
            "still_cancelling", _("The run is being cancelled. Ask again when it is: that takes minutes.")
        )


def viewed(user: User | None, account: AwsAccount, place: str) -> None:
    """Put on record that it was shown at `place`. Which one it was is told by a digest: it stays a secret."""
    append(
        AuditKind.EXTERNAL_ID_VIEWED,
        actor_id=user.pk if user else None,
        account_id=account.pk,
        place=place,
        digest=hashlib.sha256(account.external_id.encode()).hexdigest()[:12],
    )


def rotate(user: User, account: AwsAccount) -> None:
    """A new ExternalId. A role handed over under the old one is let go; its run waits for it to be made anew.

    Raises NotOwner, StillCancelling.
    """
    demand_ownership(user, account)
    with transaction.atomic():
        AwsAccount.objects.lock(account.pk)
        run = account.runs.open().select_for_update(of=("self",)).first()
        has_role = account.grants.filter(destroyed_at=None, kind=GrantKind.ROLE).exists()
        if run is not None and has_role:
            _let_go(user, run)
        AwsAccount.objects.filter(pk=account.pk).update(external_id=new_external_id())
        append(AuditKind.EXTERNAL_ID_ROTATED, actor_id=user.pk, account_id=account.pk)
    account.refresh_from_db(fields=["external_id"])


def _let_go(user: User, run: Run) -> None:
    if run.status == RunStatus.CANCELLING:
        raise StillCancelling
    destroy_grants(run.account_id, reason="external_id_rotated")
    if run.status in _USING_ACCESS:
        close_all(run)
        move_run(
            run,
            RunStatus.NEEDS_ACCESS,
            expect=_USING_ACCESS,
            reason_code="external_id_rotated",
            by_id=user.pk,
        )
