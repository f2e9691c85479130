"""Does a run stay true to what was approved in each situation that it is led into? Without chance."""

import pytest

from tests.model.machine import Onboarding
from tests.model.situations import SITUATIONS, Lead


@pytest.mark.parametrize("lead", SITUATIONS.values(), ids=SITUATIONS.keys())
def test_a_run_stays_true_when(lead: Lead, model: Onboarding) -> None:
    lead(model)
    model.teardown()
