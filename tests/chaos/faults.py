"""What goes wrong, one thing after another, seeded: each kind in turn, in an order that chance decides.

A fault has a beginning, lasts some seconds, and an end; with the end begins the time within which
everything has to go on by itself.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import redis

from tests.chaos.machine import WORKERS, Machine


@dataclass(frozen=True, slots=True)
class Kind:
    """`play` does it, waits `seconds` on the event, and undoes it; all of it may be cut short by the
    event.
    """

    name: str
    play: Callable[[Machine, random.Random, threading.Event], None]


@dataclass(slots=True)
class Played:
    name: str
    began_at: float
    ended_at: float = 0.0


@dataclass(slots=True)
class Trouble:
    """Plays faults on a thread of its own until it is stopped; `played` says which, and when each ended."""

    machine: Machine
    chance: random.Random
    pause_seconds: float
    longest_seconds: float
    played: list[Played] = field(default_factory=list)
    _enough: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    broken: str = ""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._go_on, name="trouble", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._enough.set()
        if self._thread is not None:
            self._thread.join(180)

    def _go_on(self) -> None:
        for kind in _in_random_turns(kinds_for(self.machine, self.longest_seconds), self.chance):
            if self._enough.wait(self.pause_seconds * self.chance.uniform(0.5, 1.5)):
                return
            played = Played(kind.name, time.monotonic())
            self.played.append(played)
            print(f"      fault: {kind.name}", flush=True)
            try:
                kind.play(self.machine, self.chance, self._enough)
            except Exception as error:  # the harness itself broke: say so at the end
                self.broken = f"{kind.name}: {error!r}"
                print(f"      HARNESS: {self.broken}", flush=True)
            self.machine.revive()
            played.ended_at = time.monotonic()


def _in_random_turns(kinds: list[Kind], chance: random.Random) -> Iterator[Kind]:
    while True:
        yield from chance.sample(kinds, len(kinds))


def kinds_for(machine: Machine, longest: float) -> list[Kind]:
    kinds = [
        Kind("a worker is killed", _kill(*WORKERS[:1], longest=3)),
        Kind("both workers are killed", _kill(*WORKERS, longest=longest / 3)),
        Kind("beat is killed", _kill("beat", longest=longest / 2)),
        Kind("web is killed", _kill("web", longest=longest / 4)),
        Kind("Redis is emptied", _empty_redis),
        Kind("Redis is killed and restarted", _kill("redis", longest=longest / 3)),
        Kind("PostgreSQL is restarted", _restart_postgres),
        Kind("PostgreSQL is away", _postgres_away(longest / 2)),
        Kind("AWS can't be reached", _wire("cut", longest)),
        Kind("AWS is silent", _wire("silent", longest)),
        Kind("our clock is wrong", _at_aws(longest / 2, kind="clock-skew", skew_seconds=1200)),
        Kind("AWS throttles", _at_aws(longest / 2, kind="throttle", probability=0.4)),
        Kind("AWS breaks", _at_aws(longest / 2, kind="5xx", probability=0.4)),
        Kind("answers get lost", _at_aws(longest / 2, kind="answer-lost", probability=0.3)),
        Kind("connections break", _at_aws(longest / 2, kind="reset", probability=0.3)),
        Kind("one region is silent", _at_aws(longest, kind="slow", milliseconds=12_000, region="eu-north-1")),
        Kind("a new version is deployed", _deploy),
    ]
    if machine.postgres.has_small_disk:
        kinds.append(Kind("the database's disk is full", _full_disk(longest / 2)))
    return kinds


def _kill(*names: str, longest: float) -> Callable[[Machine, random.Random, threading.Event], None]:
    def play(machine: Machine, chance: random.Random, enough: threading.Event) -> None:
        for name in names:
            machine.kill(name)
        enough.wait(chance.uniform(0.2, longest))
        for name in names:
            machine.start(name)

    return play


def _empty_redis(machine: Machine, _chance: random.Random, _enough: threading.Event) -> None:
    with suppress(redis.RedisError):
        redis.Redis.from_url(machine.redis_url).flushall()


def _restart_postgres(machine: Machine, chance: random.Random, _enough: threading.Event) -> None:
    machine.postgres.stop(chance.choice(("immediate", "fast")))
    machine.postgres.start()
    machine.wait_for_database()


def _postgres_away(longest: float) -> Callable[[Machine, random.Random, threading.Event], None]:
    def play(machine: Machine, chance: random.Random, enough: threading.Event) -> None:
        machine.postgres.stop("immediate")
        enough.wait(chance.uniform(2, longest))
        machine.postgres.start()
        machine.wait_for_database()

    return play


def _wire(state: str, longest: float) -> Callable[[Machine, random.Random, threading.Event], None]:
    def play(machine: Machine, chance: random.Random, enough: threading.Event) -> None:
        machine.wire.set("cut" if state == "cut" else "silent")
        enough.wait(chance.uniform(longest / 2, longest))
        machine.wire.set("open")

    return play


def _at_aws(longest: float, **described: object) -> Callable[[Machine, random.Random, threading.Event], None]:
    """For what the portal asks. The owners' function is AWS's own, and not on our side of the line."""

    def play(machine: Machine, chance: random.Random, enough: threading.Event) -> None:
        numbers = [
            machine.cloud.fault(**{"principal": principal, **described})
            for principal in ("*/onb-*", "*/owner", "*Onboarding*", "*InfosecAuditor*")
        ]
        enough.wait(chance.uniform(longest / 2, longest))
        for number in numbers:
            machine.cloud.clear_faults(number)

    return play


def _full_disk(longest: float) -> Callable[[Machine, random.Random, threading.Event], None]:
    def play(machine: Machine, chance: random.Random, enough: threading.Event) -> None:
        machine.postgres.fill_disk()
        enough.wait(chance.uniform(3, longest))
        machine.postgres.free_disk()
        if not machine.postgres.is_up():
            machine.postgres.start()
        machine.wait_for_database()

    return play


def _deploy(machine: Machine, _chance: random.Random, _enough: threading.Event) -> None:
    """Migrate, then one process after another; the old workers finish what they hold meanwhile."""
    machine.migrate_as_a_new_version()
    for name in ("web", "beat", *WORKERS):
        machine.stop_gently(name)
        machine.start(name)
