"""Where are counts kept that all processes share, such as those of rate limits? In Redis, as JSON.

Losing Redis loses nothing: while it is away, nothing is counted and everybody gets in. JSON, and not Django's
pickles, so that who writes into Redis can't make the web process run anything.
"""

import json
import logging
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)


class JsonSerializer:
    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, stored: bytes) -> Any:
        return json.loads(stored)


class ForgivingRedisCache(RedisCache):
    """Answers as an empty cache would while Redis is away, and says so in the log."""

    def add(self, *words: Any, **named: Any) -> bool:
        try:
            return bool(super().add(*words, **named))
        except RedisError as error:
            return _forgive(error, answer=True)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except (RedisError, ValueError) as error:
            return _forgive(error, answer=default)

    def set(self, *words: Any, **named: Any) -> None:
        try:
            super().set(*words, **named)
        except RedisError as error:
            _forgive(error, answer=None)

    def delete(self, *words: Any, **named: Any) -> bool:
        try:
            return bool(super().delete(*words, **named))
        except RedisError as error:
            return _forgive(error, answer=False)


def _forgive(error: Exception, *, answer: Answer) -> Answer:
    logger.warning("cache.redis_away error=%s", type(error).__name__)
    return answer
