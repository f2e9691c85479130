"""Who is watching which run in this process, and what do they get to see?

All who watch a run share one room: one slow poll of the database, hurried by Redis where it is there, and one
rendering per event and language. While everybody waits, no database connection is held.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error, connections
from django.utils.translation import override
from redis.asyncio import Redis
from redis.exceptions import RedisError

from onboarding.models import Run
from onboarding.progress.live import look_at
from onboarding.views.fragments import Fragments, fragments_of

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
# Events that come in a burst are shown together.
GATHER_SECONDS = 0.2
REDIS_RETRY_SECONDS = 15.0

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="live-page")
Answer = TypeVar("Answer")


async def read(question: Callable[[], Answer]) -> Answer:
    """Ask the database in a thread, and give the connection back at once."""

    def ask() -> Answer:
        try:
            return question()
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(_threads, ask)


class Room:
    """One run, and everybody in this process who watches it."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        self.watchers = 0
        self.number = 0
        self.hurry = asyncio.Event()
        self._changed = asyncio.Condition()
        self._rendered: dict[str, tuple[int, asyncio.Task[Fragments]]] = {}

    async def keep_looking(self) -> None:
        """Until cancelled: notice each new event number, and tell the watchers."""
        while True:
            number = await read(partial(_last_event_number, self.run_id))
            if number > self.number:
                async with self._changed:
                    self.number = number
                    self._changed.notify_all()
                await asyncio.sleep(GATHER_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.hurry.wait(), POLL_SECONDS)
            self.hurry.clear()

    async def something_after(self, number: int, *, timeout_seconds: float) -> bool:
        """Wait for an event after `number`; False when none came in time."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: self.number > number), timeout_seconds)
            except TimeoutError:
                return False
            return True

    async def fragments(self, language: str) -> Fragments:
        """The run's pieces at its latest event, rendered once for all who ask in this language."""
        number, task = self._rendered.get(language, (-1, None))
        if task is None or number < self.number or (task.done() and task.exception()):
            task = asyncio.ensure_future(read(partial(_render, self.run_id, language)))
            self._rendered[language] = (self.number, task)
        # One watcher who leaves must not take the rendering away from the others.
        return await asyncio.shield(task)


class House:
    """All rooms of one event loop, and their one line to Redis."""

    def __init__(self) -> None:
        self.rooms: dict[UUID, Room] = {}
        # How many streams each user has open: nobody may take the places of all others.
        self.streams: Counter[int | None] = Counter()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._listener: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watching(self, run_id: UUID, user_id: int | None = None) -> AsyncIterator[Room]:
        """A place in the run's room; the last to leave puts out the light."""
        room = self.rooms.get(run_id)
        if room is None:
            room = self.rooms[run_id] = Room(run_id)
            self._tasks[run_id] = asyncio.ensure_future(_kept_going(room))
        if self._listener is None:
            self._listener = asyncio.ensure_future(self._listen())
        room.watchers += 1
        self.streams[user_id] += 1
        try:
            yield room
        finally:
            room.watchers -= 1
            self.streams[user_id] -= 1
            self.streams += Counter()  # forgets who has none
            if room.watchers == 0:
                del self.rooms[run_id]
                self._tasks.pop(run_id).cancel()
            if not self.rooms and self._listener is not None:
                self._listener.cancel()
                self._listener = None

    async def _listen(self) -> None:
        """Hurry the rooms whose run is announced. Without Redis they look by themselves, only slower."""
        while True:
            try:
                await self._hear()
            except (RedisError, OSError) as error:
                logger.warning("live.redis_away error=%s", type(error).__name__)
            await asyncio.sleep(REDIS_RETRY_SECONDS)

    async def _hear(self) -> None:
        redis = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=None)
        try:
            async with redis.pubsub() as channels:
                await channels.psubscribe("run:*")
                async for message in channels.listen():
                    self._hurry(str(message.get("channel", b""), "ascii", "replace"))
        finally:
            await redis.aclose()

    def _hurry(self, channel: str) -> None:
        for run_id, room in self.rooms.items():
            if channel == f"run:{run_id}":
                room.hurry.set()


_houses: WeakKeyDictionary[asyncio.AbstractEventLoop, House] = WeakKeyDictionary()


async def let_go_of_the_request() -> None:
    """Close what the request's own thread opened while it was authorised: a stream may last for hours."""
    await sync_to_async(connections.close_all)()


def house() -> House:
    """The house of the running event loop: a process of the product has one, tests have many."""
    return _houses.setdefault(asyncio.get_running_loop(), House())


async def _kept_going(room: Room) -> None:
    """A database that is away for a moment must not leave a room that never looks again."""
    while True:
        try:
            await room.keep_looking()
        except Error as error:
            logger.warning("live.look_failed run_id=%s error=%s", room.run_id, type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)


def _last_event_number(run_id: UUID) -> int:
    return Run.objects.values_list("last_event_number", flat=True).get(pk=run_id)


def _render(run_id: UUID, language: str) -> Fragments:
    with override(language):
        return fragments_of(look_at(run_id))
