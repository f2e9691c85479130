"""What time is it for the portal and its AWS alike?"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone


class Clock:
    """Time goes on a little whenever somebody looks, and in leaps when told to."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        self.time = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def leap(self, **by: float) -> None:
        self.time += timedelta(**by)


@contextmanager
def a_clock_of_its_own(patch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    patch.setattr(timezone, "now", clock.now)
    yield clock
