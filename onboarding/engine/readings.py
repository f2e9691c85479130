"""What was last read of a region: kept at every look, told only when something changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from onboarding.company import Company
from onboarding.models import RegionReading, Run, history, standing
from onboarding.models.history import News
from onboarding.observed import AccountSurvey, Failure, RegionSurvey, Stack, Trail
from onboarding.states import RegionOutcome, RegionState
from onboarding.stored import failure_as_json

# What people see of a reading. The times change at each look and are no news, except the first delivery.
_TOLD = (
    "outcome",
    "state",
    "stack_status",
    "trail_arn",
    "is_logging",
    "latest_delivery_error",
    "reason_code",
)
# What a look replaces.
_KEPT = (*_TOLD, "stack_id", "latest_delivery_at", "failure", "read_at")


@dataclass(frozen=True, slots=True)
class Shown:
    """What one look at a region showed.

    A look at the trail alone leaves what was last read of the stack as it is.
    """

    region: str
    state: RegionState
    outcome: RegionOutcome = RegionOutcome.READ
    stack: Stack | None = None
    trail: Trail | None = None
    reason_code: str = ""
    failure: Failure | None = None
    is_of_trail_alone: bool = False


def keep(run: Run, shown: Sequence[Shown]) -> None:
    """Store what was shown, of each region once. Inside the caller's transaction on the run."""
    if _store(run, shown):
        standing.bring_regions_up_to_date(run.account_id)


def _store(run: Run, shown: Sequence[Shown]) -> bool:
    """Whether any of it is new."""
    stored = RegionReading.objects.filter(
        account_id=run.account_id, region__in=[each.region for each in shown]
    )
    before = {reading.region: reading for reading in stored}
    now = timezone.now()
    seen = {each.region: _seen(each, before.get(each.region), now) for each in shown}
    RegionReading.objects.bulk_create(
        [RegionReading(account_id=run.account_id, region=region, **seen[region]) for region in sorted(seen)],
        update_conflicts=True,
        unique_fields=["account", "region"],
        update_fields=_KEPT,
    )
    news = [
        News("region.reading", region, data=_as_news(what))
        for region, what in seen.items()
        if region not in before or _is_news(before[region], what)
    ]
    history.record_all(run.pk, news)
    return bool(news)


def _seen(shown: Shown, before: RegionReading | None, now: datetime) -> dict[str, Any]:
    stack, trail = shown.stack, shown.trail
    seen: dict[str, Any] = {
        "outcome": shown.outcome,
        "state": shown.state,
        "stack_status": stack.status if stack else "",
        "stack_id": stack.stack_id if stack else "",
        "trail_arn": trail.arn if trail else "",
        "is_logging": trail.is_logging if trail else None,
        "latest_delivery_at": trail.latest_delivery_at if trail else None,
        "latest_delivery_error": trail.latest_delivery_error[:255] if trail else "",
        "reason_code": shown.reason_code,
        "failure": failure_as_json(shown.failure) if shown.failure else None,
        "read_at": now,
    }
    if before is not None and shown.is_of_trail_alone:
        seen |= {"stack_status": before.stack_status, "stack_id": before.stack_id}
    return seen


def mark(
    run: Run, region: str, state: RegionState, *, reason_code: str = "", failure: Failure | None = None
) -> None:
    """Change only what the region's row says, keeping what was last read of stack and trail."""
    before = RegionReading.objects.filter(account_id=run.account_id, region=region).first()
    if before is None:
        keep(run, [Shown(region, state, reason_code=reason_code, failure=failure)])
        return
    seen: dict[str, Any] = {
        "state": state,
        "reason_code": reason_code,
        "failure": failure_as_json(failure) if failure else None,
    }
    RegionReading.objects.filter(pk=before.pk).update(**seen)
    if any(seen[name] != getattr(before, name) for name in ("state", "reason_code")):
        told = {name: getattr(before, name) for name in _TOLD} | seen
        told["latest_delivery_at"] = before.latest_delivery_at
        standing.bring_regions_up_to_date(run.account_id)
        history.record(run.pk, "region.reading", region=region, **_as_news(told))


def our_trail(company: Company, trails: tuple[Trail, ...], region: str) -> Trail | None:
    """The trail of this region that delivers to the central bucket and topic; a logging one before others."""
    ours = [
        trail
        for trail in trails
        if trail.bucket == company.storage.bucket
        and trail.topic_arn == company.storage.topic_arn
        and (trail.home_region == region or trail.is_multi_region)
    ]
    return max(ours, key=lambda trail: (trail.is_logging is True, not trail.is_shadow), default=None)


def keep_survey(run: Run, company: Company, survey: AccountSurvey) -> None:
    """Store what the survey showed of each region, and sum it up once."""
    _store(run, [_surveyed(company, region) for region in survey.regions])
    standing.bring_regions_up_to_date(run.account_id)


def _surveyed(company: Company, surveyed: RegionSurvey) -> Shown:
    """Only what was verified is covered."""
    stack = next((one for one in surveyed.stacks if one.name == company.trails.regional_stack_name), None)
    trail = our_trail(company, surveyed.trails, surveyed.region)
    if surveyed.outcome == RegionOutcome.READ:
        state = RegionState.LOGGING if trail is not None and trail.is_logging else RegionState.WAITING
    elif surveyed.outcome == RegionOutcome.UNREACHABLE:
        state = RegionState.UNKNOWN
    else:
        state = RegionState.SKIPPED
    return Shown(
        surveyed.region,
        state,
        outcome=surveyed.outcome,
        stack=stack,
        trail=trail,
        failure=surveyed.failure,
    )


def _is_news(before: RegionReading, seen: Mapping[str, Any]) -> bool:
    if bool(before.latest_delivery_at) != bool(seen["latest_delivery_at"]):
        return True
    return any(seen[name] != getattr(before, name) for name in _TOLD)


def _as_news(seen: Mapping[str, Any]) -> dict[str, Any]:
    at = seen["latest_delivery_at"]
    told = {name: seen[name] for name in _TOLD}
    return {**told, "latest_delivery_at": at.isoformat() if isinstance(at, datetime) else None}
