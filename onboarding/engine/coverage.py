"""Was every enabled region of the account looked into, so that "verified" may be said of all of it?

A region that was enabled after the approval is no part of what was approved: nothing is written there, and it
is shown as a gap until there is a new plan.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from onboarding.models import Run
from onboarding.observed import Failure
from onboarding.states import FailureKind, RegionOutcome
from onboarding.stored import survey_from_json

# In a verification's outputs: the regions that weren't enabled yet when the account was surveyed.
ENABLED_LATER = "enabled_later"
# What is said of such a region, and of the run: a remedy's code.
GAP = "region_enabled_later"


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a region was not looked into: a remedy's code, and what AWS said."""

    code: str
    failure: Failure | None


def not_looked_into(run: Run) -> Missing | None:
    """Why "verified" may not be said; None when it may.

    A region that its owner chose to leave out, or that the organization closes to the whole account, is
    told on the plan and is no reason. One that could not be reached, or that the access did not open, is.
    """
    gaps = sorted({str(region) for step in run.steps.all() for region in step.outputs.get(ENABLED_LATER, ())})
    if gaps:
        text = f"Enabled in the account after the plan was approved: {', '.join(gaps)}."
        return Missing(GAP, Failure(FailureKind.OURS, GAP, text, region=gaps[0]))
    if run.survey is None:
        return None
    survey = survey_from_json(run.survey)
    chosen = run.choices.get("regions", {})
    for region in survey.regions:
        if chosen.get(region.region) == "skip":
            continue
        if region.outcome == RegionOutcome.UNREACHABLE:
            return Missing("region_unreachable", region.failure)
        is_closed = region.failure is not None and region.failure.kind == FailureKind.DENIED_BY_ORGANIZATION
        if region.outcome == RegionOutcome.DENIED and not is_closed:
            return Missing("hand_over_too_small", region.failure)
    return None if survey.knows_all_regions else Missing("regions_not_listed", None)


def enabled_since_the_survey(run: Run, enabled: Iterable[str]) -> list[str]:
    """Of the regions that are enabled now, those that the survey behind the approval did not know as such."""
    if run.survey is None:
        return []
    # One on the list that answered as if it weren't enabled was still being enabled: it is left out, as the
    # plan said.
    known = {
        region.region
        for region in survey_from_json(run.survey).regions
        if region.outcome != RegionOutcome.NOT_ENABLED or region.failure is not None
    }
    return sorted(set(enabled) - known)
