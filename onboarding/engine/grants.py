"""Is access still handed over, what is it, and when does it end?

The only opener of sealed credentials. What it returns lives in the caller's memory alone.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from onboarding.credentials import HandedOver
from onboarding.custody.keys import PrivateKeyUnusable, private_keys, public_half
from onboarding.custody.seal import key_id, seal
from onboarding.custody.unseal import SealUnreadable, unseal
from onboarding.models import Grant, Run, history
from onboarding.states import OPEN_RUN_STATUSES, RunStatus

logger = logging.getLogger(__name__)


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


def overdue(now: datetime) -> QuerySet[Grant]:
    """What is held and must not be any more: ended, kept for too long, or of no run that still needs it."""
    kept_since = now - timedelta(hours=settings.GRANT_KEEP_HOURS)
    needed = Run.objects.filter(
        account_id=OuterRef("account_id"), status__in=OPEN_RUN_STATUSES - {RunStatus.VERIFYING}
    )
    return Grant.objects.filter(destroyed_at=None).filter(
        Q(claimed_expiry__lte=now) | Q(handed_over_at__lte=kept_since) | ~Exists(needed)
    )


def seal_anew() -> int:
    """Seal what is held with the key that is preferred now; returns how many boxes were changed.

    Only where that key's private half comes first here, so that two workers of which one still has older
    settings don't undo one another's work. A box that can't be opened is left as it is.
    """
    preferred, keys = key_id(settings.CUSTODY_PUBLIC_KEY), private_keys()
    try:
        if not keys or key_id(public_half(keys[0])) != preferred:
            return 0
    except PrivateKeyUnusable:
        logger.exception("custody.private_key_unusable")
        return 0
    changed = 0
    for grant in Grant.objects.filter(destroyed_at=None).exclude(sealing_key_id=preferred):
        if _seal_anew(grant, preferred, keys):
            changed += 1
    return changed


def _seal_anew(grant: Grant, preferred: str, keys: Sequence[str]) -> bool:
    number = grant.account.number
    try:
        handed_over = unseal(
            bytes(grant.sealed or b""), account_number=number, grant_id=grant.pk, private_keys=keys
        )
    except SealUnreadable:
        logger.exception("custody.unreadable grant_id=%s sealing_key_id=%s", grant.pk, grant.sealing_key_id)
        return False
    sealed = seal(
        handed_over, account_number=number, grant_id=grant.pk, public_key=settings.CUSTODY_PUBLIC_KEY
    )
    # Not if it was destroyed, or sealed anew by another worker, while this looked at it.
    held = Grant.objects.filter(pk=grant.pk, destroyed_at=None, sealing_key_id=grant.sealing_key_id)
    return held.update(sealed=sealed, sealing_key_id=preferred) == 1


def wipe_traces(now: datetime) -> None:
    """Let SQLite overwrite what it still has of boxes destroyed in the last minute.

    `secure_delete` zeroes them in the database file; the write-ahead log keeps older pages until it is
    emptied.
    PostgreSQL's vacuum does the like in its own time, and until then holds what only the worker can open.
    """
    lately = Grant.objects.filter(destroyed_at__gte=now - timedelta(minutes=1))
    if connection.vendor != "sqlite" or connection.in_atomic_block or not lately.exists():
        return
    with connection.cursor() as cursor:
        # The next sweep comes in two seconds: nobody waits for this one.
        cursor.execute("PRAGMA busy_timeout = 200")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute("PRAGMA busy_timeout = 20000")
