"""Who is told that something happened, without anything depending on it?

The worker, that something is due now; live pages, that a run has a new event. Losing either loses nothing:
the beat's tick and the page's own slow poll come anyway. So nothing here ever raises, and nothing waits for
long. Called in a transaction, both speak only once it is committed.
"""

import logging
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from redis import Redis

if TYPE_CHECKING:
    from redis.client import Redis as RedisClient

logger = logging.getLogger(__name__)

TICK_TASK = "onboarding.tick"
DESK_TASK = "onboarding.desk"

# A person's request waits behind it: left alone, Celery tries a dead broker for six seconds.
_GIVE_UP_SOON = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
}


def channel(run_id: UUID) -> str:
    """The Redis channel on which a run's new events are announced."""
    return f"run:{run_id}"


def wake(run_id: UUID) -> None:
    """Ask the worker to look at once at what is due, when the transaction is committed."""
    transaction.on_commit(lambda: _enqueue(TICK_TASK, f"run_id={run_id}"), robust=True)


def wake_desk() -> None:
    """The same, for acts on many accounts."""
    transaction.on_commit(lambda: _enqueue(DESK_TASK, "desk"), robust=True)


def announce(run_id: UUID) -> None:
    """Tell the live pages of a run that it has new events, when the transaction is committed."""
    transaction.on_commit(lambda: _publish(run_id), robust=True)


def _enqueue(task: str, what: str) -> None:
    try:
        with current_app.connection_for_write(transport_options=_GIVE_UP_SOON) as connection:
            current_app.send_task(task, expires=10, retry=False, ignore_result=True, connection=connection)
    except Exception as error:  # noqa: BLE001 - whatever the broker's trouble is, the beat's tick comes
        logger.warning("wake.failed %s error=%s", what, type(error).__name__)


def _publish(run_id: UUID) -> None:
    try:
        _redis(settings.REDIS_URL).publish(channel(run_id), "1")
    except Exception as error:  # noqa: BLE001 - live pages look by themselves too
        logger.warning("announce.failed run_id=%s error=%s", run_id, type(error).__name__)


@lru_cache(maxsize=2)
def _redis(url: str) -> "RedisClient":
    """One pool per process; its time-outs are short because a person's request waits behind it."""
    return Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=0.5)
