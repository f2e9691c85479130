"""Is access still handed over, what is it, and when does it end?

The only opener of sealed credentials. What it returns lives in the caller's memory alone.
"""

from onboarding.credentials import HandedOver
from onboarding.custody.keys import private_keys
from onboarding.custody.unseal import unseal
from onboarding.models import Grant, Run, history


class NoGrant(Exception):
    """Nothing is handed over for this run any more."""


def live_grant(run: Run) -> Grant:
    """The run's grant, freshly read; raises NoGrant when there is none or it was destroyed."""
    grant = Grant.objects.filter(pk=run.grant_id, destroyed_at__isnull=True).first() if run.grant_id else None
    if grant is None or grant.sealed is None:
        raise NoGrant
    return grant


def open_grant(run: Run, grant: Grant) -> HandedOver:
    """The access that was handed over, in the clear. Raises unseal's errors when it isn't this account's."""
    if grant.sealed is None:
        raise NoGrant
    return unseal(
        bytes(grant.sealed),
        account_number=run.account.number,
        grant_id=grant.pk,
        private_keys=private_keys(),
    )


def destroy(run: Run, reason: str) -> None:
    """Destroy whatever is held of the run's account. Inside the caller's transaction."""
    history.destroy_grants(run.account_id, reason=reason)
