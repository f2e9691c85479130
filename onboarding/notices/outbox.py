"""What is due to be told, and how does each notice go out once?

A notice is claimed like a work item: by an update that only one worker can win, and that moves `due_at` on by
a lease. So a worker that dies tells nobody twice, with one exception that no protocol of mail takes away: if
it dies between the server's yes and our note of it, the notice goes out again when the lease ends. A mail
then carries the same Message-ID as before; a ticket is looked at first.

No transaction is open while a server is asked.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from onboarding.audiences import Channel
from onboarding.models import Notice, NoticeOutcome, Run, history
from onboarding.notices import bugzilla, mail
from onboarding.notices.trouble import NotDelivered

logger = logging.getLogger(__name__)

# Longer than the time-outs of any way of telling, added up.
LEASE = timedelta(minutes=2)

# With the back-off below: for a day, which is longer than a mail server is usually away.
MOST_ATTEMPTS = 30
LONGEST_BACK_OFF = timedelta(hours=1)

_WAYS: dict[Channel, Callable[[Notice], None]] = {Channel.MAIL: mail.send, Channel.TICKET: bugzilla.post}


def tell(limit: int = 20) -> int:
    """Deliver up to `limit` notices that are due; answers how many were looked at.

    Raises what breaks in our own code: the notice then comes back when its lease ends, and in the end is
    given up; the others aren't kept waiting for it.
    """
    for done in range(limit):
        notice = _claim(timezone.now())
        if notice is None:
            return done
        _deliver(notice)
    return limit


def back_off(attempts: int) -> timedelta:
    """When to try again after so many attempts: a minute, two, four, ... an hour."""
    return min(timedelta(minutes=2.0 ** min(attempts - 1, 10)), LONGEST_BACK_OFF)


def _claim(now: datetime) -> Notice | None:
    """The next due notice, ours until its lease ends; None when nothing is due."""
    for notice_id in Notice.objects.due(now).order_by("due_at", "pk").values_list("pk", flat=True)[:50]:
        if (
            Notice.objects.due(now)
            .filter(pk=notice_id)
            .update(due_at=now + LEASE, attempts=F("attempts") + 1)
        ):
            return Notice.objects.select_related("run__account").get(pk=notice_id)
    return None


def _deliver(notice: Notice) -> None:
    if notice.attempts > MOST_ATTEMPTS:
        _give_up(notice, notice.last_error or "broke")
    elif _is_overtaken(notice):
        _settle(notice, NoticeOutcome.OVERTAKEN)
    else:
        try:
            _WAYS[Channel(notice.channel)](notice)
        except NotDelivered as fault:
            _put_off(notice, fault)
        else:
            _settle(notice, NoticeOutcome.SENT)


def _is_overtaken(notice: Notice) -> bool:
    """Whether nobody is waited for any more, or the recipient no longer answers for the account."""
    if notice.is_of_a_wait:
        latest = notice.run.events.filter(kind="run.status").order_by("-number").first()
        if latest is None or latest.number != notice.event_number:
            return True
    if notice.user_id is None:
        return False
    return not notice.run.account.ownerships.filter(user_id=notice.user_id, user__is_active=True).exists()


def _put_off(notice: Notice, fault: NotDelivered) -> None:
    logger.warning(
        "notice.not_delivered notice_id=%s channel=%s attempts=%s error=%s",
        notice.pk,
        notice.channel,
        notice.attempts,
        fault.kind,
    )
    if fault.is_final or notice.attempts >= MOST_ATTEMPTS:
        _give_up(notice, fault.kind)
    else:
        Notice.objects.filter(pk=notice.pk, handled_at=None).update(
            due_at=timezone.now() + back_off(notice.attempts), last_error=fault.kind
        )


def _settle(notice: Notice, outcome: NoticeOutcome, **fields: str) -> bool:
    return bool(
        Notice.objects.filter(pk=notice.pk, handled_at=None).update(
            outcome=outcome, handled_at=timezone.now(), due_at=None, **fields
        )
    )


def _give_up(notice: Notice, kind: str) -> None:
    """For good, unless somebody asks for it again. Infosec sees it on its page, everybody in the story."""
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=notice.run_id)
        if _settle(notice, NoticeOutcome.GIVEN_UP, last_error=kind):
            history.record(
                notice.run_id, "notice.given_up", channel=notice.channel, status=notice.status, error=kind
            )
