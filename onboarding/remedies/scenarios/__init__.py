"""In which ways can an onboarding go wrong, and what is made of each?

The catalogue behind docs/failures.md: a row of the module of its place for each. Pure. To know another way,
add a row there, a remedy where a person must act, and the test that provokes it.
"""

from onboarding.remedies.scenarios import anywhere, handing_over, new_stacks, old_stack, regions, trails
from onboarding.remedies.scenarios.scenario import Scenario

__all__ = ["PLACES", "SCENARIOS", "Scenario"]

PLACES: dict[str, tuple[Scenario, ...]] = {
    "Handing over": handing_over.SCENARIOS,
    "Regions": regions.SCENARIOS,
    "The old stack": old_stack.SCENARIOS,
    "The two new stacks": new_stacks.SCENARIOS,
    "Trails and the storage": trails.SCENARIOS,
    "Anywhere": anywhere.SCENARIOS,
}

SCENARIOS: tuple[Scenario, ...] = tuple(row for rows in PLACES.values() for row in rows)
