"""The worker's entry points. They carry ids, never anything of a person's or an account's."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from celery import shared_task
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.utils import timezone

from onboarding.audit.chain import NoAuditKey
from onboarding.audit.seal import seal_committed
from onboarding.engine import claims, pulse, sweeping
from onboarding.engine.claims import Claim
from onboarding.engine.defects import give_back
from onboarding.engine.work import work as do_work
from onboarding.models import standing
from onboarding.notices import outbox
from onboarding.services import batches, invitations, reminders
from onboarding.services.bulk import ACTS

logger = logging.getLogger(__name__)

CLAIMS_PER_TICK = 32
# One task goes on for so long with what is due, a few items at a time.
PULLING_SECONDS = 5.0
CLAIMS_PER_PULL = 3
ACCOUNTS_PER_COUNT = 1000

# Restarted, unreachable, full, or not migrated yet: no defect of the work that met it, and it passes.
DATABASE_AWAY = (OperationalError, InterfaceError, ProgrammingError)
# Short enough that a worker's other work never waits long.
DESK_TIME = timedelta(seconds=15)


class WorkBroke(Exception):
    """A defect of ours. Its text names only the kind of error: the original's could repeat a request."""


@contextmanager
def _unless_the_database_is_away(what: str) -> Iterator[None]:
    """Say in one line that the database failed, and begin with a new connection the next time."""
    try:
        yield
    except DATABASE_AWAY as error:
        logger.warning("database.away task=%s error=%s", what, type(error).__name__)
        connection.close()


@shared_task(name="onboarding.tick")
def tick() -> None:
    """Claim what is due and hand it to the workers."""
    pulse.beat()
    # Whoever waits for a free thread already is enough: each of them goes on with what is due then.
    room = CLAIMS_PER_TICK - pulse.waiting()
    if room <= 0:
        return
    with _unless_the_database_is_away("tick"):
        for claim in claims.claim_due(timezone.now(), room):
            work.delay(claim.item_id, claim.holder)


@shared_task(name="onboarding.sweep")
def sweep() -> None:
    """A task of its own: one run that it can't end must not keep all others from being worked on."""
    with _unless_the_database_is_away("sweep"):
        sweeping.sweep(timezone.now())


@shared_task(name="onboarding.seal_audit")
def seal_audit() -> None:
    """Chain what was added to the audit log."""
    try:
        with _unless_the_database_is_away("seal_audit"):
            seal_committed()
    except NoAuditKey as missing:
        logger.error("audit.not_sealed %s", missing)  # noqa: TRY400 - said every few seconds, until it is mended


@shared_task(name="onboarding.keep_count")
def keep_count() -> None:
    """Keep the fleet's counts short and its summaries whole; note how the day stands."""
    with _unless_the_database_is_away("keep_count"):
        now = timezone.now()
        standing.make_missing(ACCOUNTS_PER_COUNT)
        standing.follow_others(now)
        standing.fold_tally()
        standing.note_day(now.date())


@shared_task(name="onboarding.tell")
def tell() -> None:
    """Send people what is due to be told."""
    with _unless_the_database_is_away("tell"):
        outbox.tell()


@shared_task(name="onboarding.desk")
def desk() -> None:
    """Go on with acts on many accounts, a part at a time, and send the mails that they left."""
    with _unless_the_database_is_away("desk"):
        now = timezone.now()
        batches.work(ACTS, until=now + DESK_TIME)
        invitations.send_due(now)
        reminders.send_due(now)
        batches.forget(now)


@shared_task(name="onboarding.work")
def work(item_id: int, holder: str) -> None:
    """Work on one claim, and then for a while on whatever else is due: so nothing waits in a queue."""
    pulse.tell()
    broke = _work_on(Claim(item_id, holder))
    until = time.monotonic() + PULLING_SECONDS
    with _unless_the_database_is_away("work"):
        while broke == "" and time.monotonic() < until:
            pulled = claims.claim_due(timezone.now(), CLAIMS_PER_PULL)
            if not pulled:
                break
            if len(pulled) == CLAIMS_PER_PULL:
                _call_others()
            for claim in pulled:
                broke = _work_on(claim) or broke
    if broke:
        raise WorkBroke(broke)


def _work_on(claim: Claim) -> str:
    """What broke, if anything. The one place that catches whatever is raised: the item comes back later."""
    broke = ""
    # Where the database is away, nothing can be recorded either: the item comes back when its lease ends.
    with _unless_the_database_is_away("work"):
        try:
            do_work(claim)
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - recorded, sanitized and raised again by the task
            broke = _place_of(error)
            give_back(claim)
    if broke:
        logger.error("work.broke item_id=%s error=%s", claim.item_id, broke)
    return broke


_called = [0.0]


def _call_others() -> None:
    """There is more than one can do: let idle threads begin before the next tick. At most once a second."""
    if time.monotonic() - _called[0] > 1.0:
        _called[0] = time.monotonic()
        tick.delay()


def _place_of(error: Exception) -> str:
    """The error's kind and where in our code it arose; not its text."""
    traceback, place = error.__traceback__, ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if "onboarding" in code.co_filename:
            place = f"{code.co_filename.rpartition('onboarding/')[2]}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next
    return f"{type(error).__name__} at {place or 'an unknown place'}"
