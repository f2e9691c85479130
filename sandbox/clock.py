"""How fast does time pass in the stand-in, and how long does each kind of resource take?

Durations are seconds of the stand-in's time; `set_speed(10)` makes ten of them pass in a real second,
also for those who already sleep. Credentials, signatures and time stamps keep real time: botocore
compares them with its own clock.
"""

import asyncio
import threading
import time
from collections.abc import Callable

DURATIONS: dict[str, float] = {
    "stack": 2.0,
    "AWS::IAM::Role": 8.0,
    "AWS::IAM::ManagedPolicy": 6.0,
    "AWS::IAM::InstanceProfile": 20.0,
    "AWS::Lambda::Function": 6.0,
    "AWS::CloudTrail::Trail": 5.0,
    "AWS::S3::Bucket": 10.0,
    # The function's own run takes its own time.
    "AWS::CloudFormation::CustomResource": 0.0,
    "AWS::CloudFormation::Stack": 0.0,
}
"""Seconds from start to CREATE_COMPLETE; "stack" is what a stack adds before its first and after its last
resource, together. A deletion or change takes half. May be changed while running."""

OTHER_RESOURCE_SECONDS = 3.0


class _Clock:
    """The pace, and how much stand-in time had passed when it was last changed."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.speed = 1.0
        self._real_at_change = time.monotonic()
        self._elapsed_at_change = 0.0

    def now(self) -> float:
        return self._elapsed_at_change + (time.monotonic() - self._real_at_change) * self.speed

    def set_speed(self, factor: float) -> None:
        with self.changed:
            self._elapsed_at_change = self.now()
            self._real_at_change = time.monotonic()
            self.speed = factor
            self.changed.notify_all()


_clock = _Clock()


def speed() -> float:
    """Stand-in seconds that pass in a real one."""
    return _clock.speed


def set_speed(factor: float) -> None:
    """Change the pace from now on; ValueError unless positive."""
    if not factor > 0:
        raise ValueError("The speed of the clock must be more than zero.")
    _clock.set_speed(float(factor))


def now() -> float:
    """Stand-in seconds since the start: for measuring, never for showing."""
    return _clock.now()


def duration(resource_type: str) -> float:
    """Stand-in seconds that creating one of these takes."""
    if resource_type.startswith("Custom::"):
        return DURATIONS["AWS::CloudFormation::CustomResource"]
    return DURATIONS.get(resource_type, OTHER_RESOURCE_SECONDS)


def sleep(seconds: float) -> None:
    """Block this thread for so many stand-in seconds."""
    until = now() + seconds
    with _clock.changed:
        while (left := until - now()) > 0:
            _clock.changed.wait(left / speed())


def wait_until(finished: Callable[[], bool], seconds: float, *, look_every: float = 0.05) -> bool:
    """Block until `finished()` or until so many stand-in seconds have passed; says whether it finished."""
    until = now() + seconds
    while not finished():
        left = until - now()
        if left <= 0:
            return False
        time.sleep(min(look_every, left / speed()))
    return True


async def pause(seconds: float) -> None:
    """The same for a coroutine; a change of speed is noticed within a quarter of a real second."""
    until = now() + seconds
    while (left := until - now()) > 0:  # noqa: ASYNC110  nothing happens that could be awaited
        await asyncio.sleep(min(left / speed(), 0.25))


def install() -> None:
    """Nothing to patch: ministack has no clock of its own; the other modules call this one."""
