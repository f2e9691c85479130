"""How does infosec try all accounts again that failed for the same reason?"""

from dataclasses import dataclass

from django.contrib.auth.models import User

from onboarding.models import AccountSummary, AwsAccount
from onboarding.models.people import STARTS_WORK_AGAIN, role_of
from onboarding.services.accounts import NotOperator
from onboarding.services.refusals import Refused
from onboarding.services.retrying import start_again
from onboarding.states import AccountState

# One request's worth; whoever asked is told how many are left.
AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    begun: int
    # Began again meanwhile, by somebody else.
    left_alone: int
    # Beyond what one request does.
    still_there: int


def retry_cluster(by: User, remedy: str) -> Outcome:
    """Open another run for each account whose last one ended with this remedy. Raises NotOperator.

    Done twice it has no further effect: an account that was begun again no longer stands in the cluster.
    Each is recorded as if it had been done alone; each has a transaction of its own.
    """
    if role_of(by) not in STARTS_WORK_AGAIN:
        raise NotOperator
    standing = AccountSummary.objects.filter(
        remedy=remedy, state__in=(AccountState.FAILED, AccountState.PARTLY)
    )
    ids = list(standing.order_by("number").values_list("pk", flat=True)[:AT_MOST])
    begun = 0
    for account in AwsAccount.objects.filter(pk__in=ids).order_by("number"):
        try:
            start_again(by, account)
        except Refused:
            continue
        begun += 1
    return Outcome(begun=begun, left_alone=len(ids) - begun, still_there=standing.count())
