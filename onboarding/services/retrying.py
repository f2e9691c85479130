"""How does an owner, or an operator for them, try an account again after a run has settled?"""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from onboarding.models import AwsAccount, Run
from onboarding.models.history import record
from onboarding.services.ownership import demand_owner_or_operator
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus


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
