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

_passing = threading.Condition()
_speed = 1.0
_real_at_change = time.monotonic()
_elapsed_at_change = 0.0


def speed() -> float:
    """Stand-in seconds that pass in a real one."""
    return _speed


def set_speed(factor: float) -> None:
    """Change the pace from now on; ValueError unless positive."""
    global _speed, _real_at_change, _elapsed_at_change
    if not factor > 0:
        raise ValueError("The speed of the clock must be more than zero.")
    with _passing:
        _elapsed_at_change = now()
        _real_at_change = time.monotonic()
        _speed = float(factor)
        _passing.notify_all()


def now() -> float:
    """Stand-in seconds since the start: for measuring, never for showing."""
    return _elapsed_at_change + (time.monotonic() - _real_at_change) * _speed


def duration(resource_type: str) -> float:
    """Stand-in seconds that creating one of these takes."""
    if resource_type.startswith("Custom::"):
        return DURATIONS["AWS::CloudFormation::CustomResource"]
    return DURATIONS.get(resource_type, OTHER_RESOURCE_SECONDS)


def sleep(seconds: float) -> None:
    """Block this thread for so many stand-in seconds."""
    until = now() + seconds
    with _passing:
        while (left := until - now()) > 0:
            _passing.wait(left / _speed)


def wait_until(finished: Callable[[], bool], seconds: float, *, look_every: float = 0.05) -> bool:
    """Block until `finished()` or until so many stand-in seconds have passed; says whether it finished."""
    until = now() + seconds
    while not finished():
        left = until - now()
        if left <= 0:
            return False
        time.sleep(min(look_every, left / _speed))
    return True


async def pause(seconds: float) -> None:
    """The same for a coroutine; a change of speed is noticed within a quarter of a real second."""
    until = now() + seconds
    while (left := until - now()) > 0:
        await asyncio.sleep(min(left / _speed, 0.25))


def install() -> None:
    """Nothing to patch: ministack has no clock of its own; the other modules call this one."""
