"""Which workers are alive, when was the last tick, and what does each worker see of AWS?

Told through Redis and gone by itself: whoever looks (`manage.py doctor`) is another process. Losing it loses
nothing, so nothing here ever raises.
"""

import json
import logging
import os
import socket
import time
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from onboarding.aws import breaker, clock

if TYPE_CHECKING:
    from redis.client import Redis as RedisClient

logger = logging.getLogger(__name__)

TOLD_EVERY_SECONDS = 10.0
KEPT_FOR_SECONDS = 90
_WORKERS, _TICK = "pulse:worker:", "pulse:tick"

_told_at: list[float] = []
_lock = Lock()


def beat() -> None:
    """Say that the tick came, and, not too often, what this process sees."""
    _keep(_TICK, {}, seconds=24 * 3600)
    tell()


def tell() -> None:
    with _lock:
        now = time.monotonic()
        if _told_at and now - _told_at[-1] < TOLD_EVERY_SECONDS:
            return
        _told_at[:] = [now]
    offset = clock.offset()
    seen = {
        "clock_offset_seconds": offset.total_seconds() if offset is not None else None,
        "paused": [f"{service} in {region}" for service, region in breaker.paused()],
    }
    _keep(f"{_WORKERS}{socket.gethostname()}:{os.getpid()}", seen, seconds=KEPT_FOR_SECONDS)


def workers() -> dict[str, dict[str, Any]]:
    """What each worker process last told, by host and process id. Raises RedisError."""
    redis = _redis(settings.REDIS_URL)
    found: dict[str, dict[str, Any]] = {}
    for key in redis.scan_iter(f"{_WORKERS}*"):
        told = redis.get(key)
        if told is not None:
            found[key.decode().removeprefix(_WORKERS)] = json.loads(told)
    return found


def last_tick() -> datetime | None:
    """When a worker last looked for what is due. Raises RedisError."""
    told = _redis(settings.REDIS_URL).get(_TICK)
    return datetime.fromisoformat(json.loads(told)["at"]) if told is not None else None


def queue_length() -> int:
    """How many messages wait for a worker. Raises RedisError."""
    return int(_redis(settings.REDIS_URL).llen("work"))


def waiting() -> int:
    """The same, for those who go on without it: 0 where Redis doesn't say."""
    try:
        return queue_length()
    except RedisError:
        return 0


def _keep(key: str, told: dict[str, Any], *, seconds: int) -> None:
    document = json.dumps({**told, "at": timezone.now().isoformat()})
    try:
        _redis(settings.REDIS_URL).set(key, document, ex=seconds)
    except RedisError as error:
        logger.warning("pulse.not_told error=%s", type(error).__name__)


@lru_cache(maxsize=2)
def _redis(url: str) -> "RedisClient":
    return Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=0.5)
