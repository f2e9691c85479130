"""Whatever owners do, whenever workers die, however AWS answers: does a run stay true to what was approved?

Hypothesis drives one account through arbitrary interleavings (see `machine`). After each step the truths are
asked; at the end everything is let go well, and the run has to come to rest.

    MODEL_EXAMPLES=600   try as many, and others each time; without it the same few are tried
    MODEL_SHRINK=1       shrink what fails, which may take minutes; without it, it is told as it came
"""

import os
import sys

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from onboarding.engine import claims
from onboarding.engine.claims import Claim
from onboarding.states import RunStatus
from tests.model.clock import a_clock_of_its_own
from tests.model.cloud import PLAIN
from tests.model.machine import Onboarding
from tests.model.reached import Reached
from tests.model.troubles import CALL

ASKED = os.environ.get("MODEL_EXAMPLES")
EXAMPLES = 14
STEPS = 14

# At least so many of the examples get there, or the test has lost its strength.
FLOORS = {"write in the account": 0.6}


# Whoever asks for many knows that they take their time.
@pytest.mark.timeout(0 if ASKED else 300)
@pytest.mark.django_db
def test_a_run_stays_true_to_what_was_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_clock_of_its_own(monkeypatch) as clock:
        Onboarding.patch, Onboarding.clock, Onboarding.reached = monkeypatch, clock, Reached()
        run_state_machine_as_test(
            Onboarding,
            settings=settings(
                max_examples=int(ASKED or EXAMPLES),
                stateful_step_count=STEPS,
                # A change that has broken nothing must not fail on what nobody has seen before.
                derandomize=not ASKED,
                database=None,
                deadline=None,
                phases=[Phase.generate, *([Phase.shrink] if os.environ.get("MODEL_SHRINK") else [])],
                suppress_health_check=list(HealthCheck),
            ),
        )
    reached = Onboarding.reached
    sys.stdout.write(f"{reached}\n")
    assert {what: reached.share(what) for what, floor in FLOORS.items() if reached.share(what) < floor} == {}


def test_the_model_reaches_the_end_when_all_goes_well(model: Onboarding) -> None:
    """The world is no wall: without trouble a run is verified, and so the truths were asked of all of it."""
    model.begin(old=PLAIN, act="hand over credentials")
    model.comes_to_rest()
    model.owner.does("approve")
    model.comes_to_rest()
    run = model.owner.run()
    assert run is not None
    assert run.status == RunStatus.VERIFIED, model.standing()
    told = run.events.filter(kind="run.status").values_list("data__status", flat=True)
    assert list(told) == ["draft", "surveying", "planned", "running", "verifying", "verified"]
    assert [write.move for write, _intent in model.witness.writes] == ["delete", "create", "create"]
    model.truths.verified_is_true()


def test_a_slow_survey_keeps_its_lease(model: Onboarding, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it together takes longer than a lease: nobody else takes it over for that, again and again."""
    model.begin(old=PLAIN, act="hand over credentials")
    run = model.owner.run()
    assert run is not None
    claimed: list[Claim] = []

    def time_passes(where: str, *_: object) -> None:
        if where == CALL:
            model.clock.time += claims.LEASE * 0.3
            claimed.extend(claims.claim_due(timezone.now(), 1, run_id=run.pk))

    monkeypatch.setattr(model.troubles, "before", time_passes)
    began = model.clock.time
    model.workers.look()
    assert model.clock.time - began > claims.LEASE
    assert claimed == []
    run.refresh_from_db()
    assert run.status == RunStatus.PLANNED
