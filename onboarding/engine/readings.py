"""What was last read of a region: kept at every look, told only when something changed."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from onboarding.company import Company
from onboarding.models import RegionReading, Run, history, standing
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


def keep(
    run: Run,
    region: str,
    *,
    state: RegionState,
    outcome: RegionOutcome = RegionOutcome.READ,
    stack: Stack | None = None,
    trail: Trail | None = None,
    reason_code: str = "",
    failure: Failure | None = None,
    is_of_trail_alone: bool = False,
) -> None:
    """Store what one look at a region showed. Inside the caller's transaction on the run.

    A look at the trail alone leaves what was last read of the stack as it is.
    """
    is_news = _store(
        run,
        region,
        state=state,
        outcome=outcome,
        stack=stack,
        trail=trail,
        reason_code=reason_code,
        failure=failure,
        is_of_trail_alone=is_of_trail_alone,
    )
    if is_news:
        standing.bring_regions_up_to_date(run.account_id)


def _store(
    run: Run,
    region: str,
    *,
    state: RegionState,
    outcome: RegionOutcome,
    stack: Stack | None,
    trail: Trail | None,
    reason_code: str = "",
    failure: Failure | None = None,
    is_of_trail_alone: bool = False,
) -> bool:
    """Whether it shows something new."""
    before = RegionReading.objects.filter(account_id=run.account_id, region=region).first()
    seen: dict[str, Any] = {
        "outcome": outcome,
        "state": state,
        "stack_status": stack.status if stack else "",
        "stack_id": stack.stack_id if stack else "",
        "trail_arn": trail.arn if trail else "",
        "is_logging": trail.is_logging if trail else None,
        "latest_delivery_at": trail.latest_delivery_at if trail else None,
        "latest_delivery_error": trail.latest_delivery_error[:255] if trail else "",
        "reason_code": reason_code,
        "failure": failure_as_json(failure) if failure else None,
        "read_at": timezone.now(),
    }
    if before is not None and is_of_trail_alone:
        seen |= {"stack_status": before.stack_status, "stack_id": before.stack_id}
    if before is None:
        RegionReading.objects.create(account_id=run.account_id, region=region, **seen)
    else:
        RegionReading.objects.filter(pk=before.pk).update(**seen)
    if before is not None and not _is_news(before, seen):
        return False
    history.record(run.pk, "region.reading", region=region, **_as_news(seen))
    return True


def mark(
    run: Run, region: str, state: RegionState, *, reason_code: str = "", failure: Failure | None = None
) -> None:
    """Change only what the region's row says, keeping what was last read of stack and trail."""
    before = RegionReading.objects.filter(account_id=run.account_id, region=region).first()
    if before is None:
        keep(run, region, state=state, reason_code=reason_code, failure=failure)
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
    for region in survey.regions:
        _store_surveyed(run, company, region)
    standing.bring_regions_up_to_date(run.account_id)


def _store_surveyed(run: Run, company: Company, surveyed: RegionSurvey) -> None:
    """Only what was verified is covered."""
    stack = next((one for one in surveyed.stacks if one.name == company.trails.regional_stack_name), None)
    trail = our_trail(company, surveyed.trails, surveyed.region)
    if surveyed.outcome == RegionOutcome.READ:
        state = RegionState.LOGGING if trail is not None and trail.is_logging else RegionState.WAITING
    elif surveyed.outcome == RegionOutcome.UNREACHABLE:
        state = RegionState.UNKNOWN
    else:
        state = RegionState.SKIPPED
    _store(
        run,
        surveyed.region,
        state=state,
        outcome=surveyed.outcome,
        stack=stack,
        trail=trail,
        failure=surveyed.failure,
    )


def _is_news(before: RegionReading, seen: dict[str, Any]) -> bool:
    if bool(before.latest_delivery_at) != bool(seen["latest_delivery_at"]):
        return True
    return any(seen[name] != getattr(before, name) for name in _TOLD)


def _as_news(seen: dict[str, Any]) -> dict[str, Any]:
    at = seen["latest_delivery_at"]
    told = {name: seen[name] for name in _TOLD}
    return {**told, "latest_delivery_at": at.isoformat() if isinstance(at, datetime) else None}
