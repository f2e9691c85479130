"""Was every enabled region of the account looked into, so that "verified" may be said of all of it?"""

from dataclasses import dataclass

from onboarding.models import Run
from onboarding.observed import Failure
from onboarding.states import FailureKind, RegionOutcome
from onboarding.stored import survey_from_json


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
