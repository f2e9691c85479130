"""A model that a test leads by the hand: it begins it, and says each act."""

from collections.abc import Iterator

import pytest

from tests.model.clock import a_clock_of_its_own
from tests.model.machine import Onboarding
from tests.model.reached import Reached


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[Onboarding]:
    with a_clock_of_its_own(monkeypatch) as clock:
        Onboarding.patch, Onboarding.clock, Onboarding.reached = monkeypatch, clock, Reached()
        model = Onboarding()
        yield model
        model.until.close()
