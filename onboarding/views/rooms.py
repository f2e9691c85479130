"""Who is watching which run in this process, and what do they get to see?

All who watch a run share one room: one slow poll of the database, hurried by Redis where it is there, and one
rendering per event and language. While everybody waits, no database connection is held.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync, sync_to_async
from django.conf import settings
from django.db import Error, connections
from django.http import HttpRequest
from django.utils.translation import override
from redis.asyncio import Redis
from redis.exceptions import RedisError

from onboarding.models import Run
from onboarding.progress.live import look_at
from onboarding.views.fragments import Fragments, changes, fragments_of
from onboarding.views.watchers import Watcher, refused_among

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
# Events that come in a burst are shown together.
GATHER_SECONDS = 0.1
REDIS_RETRY_SECONDS = 15.0
HEARTBEAT_SECONDS = 15.0
# How long somebody who lost the right to watch may go on.
ACCESS_CHECK_SECONDS = 30.0
ROUND_SECONDS = 1.0

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


class Place:
    """One open stream in a room."""

    __slots__ = ("beat_at", "check_at", "may_stay", "waiting", "watcher")

    def __init__(self, watcher: Watcher) -> None:
        now = time.monotonic()
        self.watcher = watcher
        self.may_stay = True
        self.check_at = now + ACCESS_CHECK_SECONDS
        self.beat_at = now + HEARTBEAT_SECONDS
        self.waiting: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)


class Room:
    """One run, and everybody in this process who watches it."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        self.places: set[Place] = set()
        self.number = 0
        self.hurry = asyncio.Event()
        self._rendered: dict[str, tuple[int, asyncio.Task[Fragments]]] = {}
        # What leads from one rendering to the next, made once for all who go that way.
        self._updates: dict[tuple[str, int, int], bytes] = {}

    async def keep_looking(self) -> None:
        """Until cancelled: notice each new event number, and tell those who watch."""
        while True:
            number = await read(partial(_last_event_number, self.run_id))
            if number > self.number:
                self.number = number
                self._updates.clear()
                # Before anybody is woken: else each of a thousand would wait for the rendering by itself.
                for language in {place.watcher.language for place in self.places}:
                    await self.fragments(language)
                for place in self.places:
                    place.wake()
                await asyncio.sleep(GATHER_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self.hurry.wait()
            self.hurry.clear()

    async def something_after(self, place: Place, number: int) -> bool:
        """Wait for an event after `number`; False when it is time for a heartbeat, or the place must be left.

        A bare future for each who waits: a condition would hand its lock from one to the next, and a time-out
        of each one's own costs more than the message. The house wakes whoever has been quiet for long.
        """
        if self.number <= number and place.may_stay:
            place.waiting = asyncio.get_running_loop().create_future()
            await place.waiting
            place.waiting = None
        place.beat_at = time.monotonic() + HEARTBEAT_SECONDS
        return self.number > number

    async def fragments(self, language: str) -> Fragments:
        """The run's pieces at its latest event, rendered once for all who ask in this language."""
        number, task = self._rendered.get(language, (-1, None))
        if task is None or number < self.number or (task.done() and task.exception()):
            task = asyncio.ensure_future(read(partial(_render, self.run_id, language)))
            self._rendered[language] = (self.number, task)
        # One watcher who leaves must not take the rendering away from the others.
        return task.result() if task.done() else await asyncio.shield(task)

    def update(self, language: str, before: Fragments | None, after: Fragments) -> bytes:
        """What a page in this language that shows `before` is sent so that it shows `after`."""
        way = (language, before.number if before else 0, after.number)
        if way not in self._updates:
            self._updates[way] = message("fragments", "\n".join(changes(before, after)), number=after.number)
        return self._updates[way]


class House:
    """All rooms of one event loop, and their one line to Redis."""

    def __init__(self) -> None:
        self.rooms: dict[UUID, Room] = {}
        # How many streams each user has open: nobody may take the places of all others.
        self.streams: Counter[int | None] = Counter()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._of_the_house: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def watching(self, watcher: Watcher) -> AsyncIterator[tuple[Room, Place]]:
        """A place in the run's room; the last to leave puts out the light."""
        run_id, user_id = watcher.run_id, watcher.user_id
        room = self.rooms.get(run_id)
        if room is None:
            room = self.rooms[run_id] = Room(run_id)
            self._tasks[run_id] = asyncio.ensure_future(_kept_going(room))
        if not self._of_the_house:
            self._of_the_house = [
                asyncio.ensure_future(self._listen()),
                asyncio.ensure_future(self._keep_round()),
            ]
        place = Place(watcher)
        room.places.add(place)
        self.streams[user_id] += 1
        try:
            yield room, place
        finally:
            room.places.discard(place)
            self.streams[user_id] -= 1
            self.streams += Counter()  # forgets who has none
            if not room.places:
                del self.rooms[run_id]
                self._tasks.pop(run_id).cancel()
            if not self.rooms:
                while self._of_the_house:
                    self._of_the_house.pop().cancel()

    async def _keep_round(self) -> None:
        """Each second: wake whose heartbeat is due, and ask again whether those whose turn it is may stay."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            now = time.monotonic()
            places = [place for room in self.rooms.values() for place in room.places]
            due = [place for place in places if place.check_at <= now]
            refused = await read(partial(refused_among, [place.watcher for place in due])) if due else set()
            for place in due:
                place.check_at = now + ACCESS_CHECK_SECONDS
                place.may_stay = place.watcher not in refused
            for place in places:
                if place.beat_at <= now or not place.may_stay:
                    place.wake()

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


def message(kind: str, text: str, *, number: int | None = None) -> bytes:
    """One server-sent event. A line break in the text begins a further data line."""
    lines = [f"id: {number}"] if number is not None else []
    lines += [f"event: {kind}", *(f"data: {line}" for line in text.splitlines() or [""])]
    return ("\n".join(lines) + "\n\n").encode()


_OF_THE_VISITOR = (
    "META", "COOKIES", "session", "user", "auser", "_cached_user", "_acached_user", "_messages",
    "allauth", "headers", "resolver_match", "csp_nonce", "_csp_nonce",
)  # fmt: skip

_houses: WeakKeyDictionary[asyncio.AbstractEventLoop, House] = WeakKeyDictionary()


async def let_go_of_the_request(request: HttpRequest) -> None:
    """Give up what a request was authorised with, before its stream begins: that may last for hours.

    What its own thread opened of the database is closed. The thread, which asgiref would keep as long as the
    stream, ends. The request, which Django keeps as long, forgets who asked.
    """
    await sync_to_async(connections.close_all)()
    context = SyncToAsync.thread_sensitive_context.get(None)
    if context is not None:
        thread = SyncToAsync.context_to_thread_executor.pop(context, None)
        if thread is not None:
            thread.shutdown(wait=False)
    for name in _OF_THE_VISITOR:
        request.__dict__.pop(name, None)


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
