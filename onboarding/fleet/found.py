"""How many accounts does a list have, and which are they, where they are few?

What nothing has counted before is searched for once, as far as a limit. Its page is then made of the accounts
found: the database would look through all accounts for them a second time, by their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from onboarding.fleet.figures import tally
from onboarding.fleet.filters import CoverageIs, Filters
from onboarding.models.summary import AccountSummaryQuerySet

# Counted as far as this; beyond it a page says "1,000+".
COUNT_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Count:
    """How many; `is_more` where the counting was ended."""

    number: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}+" if self.is_more else f"{self.number:,}"


@dataclass(frozen=True, slots=True)
class Found:
    count: Count
    # Those that fit; or any, with the numbers of those that fit.
    summaries: AccountSummaryQuerySet
    numbers: Sequence[str] | None = None


def find(filters: Filters, visible: AccountSummaryQuerySet, now: datetime) -> Found:
    """Of the visible summaries those that fit, counted by what is counted already or else by looking."""
    fitting = filters.apply(visible, now)
    kept = _kept(filters)
    if kept is not None:
        return Found(Count(kept), fitting)
    if filters.region and filters.but(region="", region_state="") == Filters():
        # An account has one reading of a region, and they lie side by side in an index.
        return Found(_as_far(filters.readings().order_by()[: COUNT_AT_MOST + 1].count()), fitting)
    numbers = list(fitting.order_by().values_list("number", flat=True)[: COUNT_AT_MOST + 1])
    count = _as_far(len(numbers))
    return Found(count, fitting) if count.is_more else Found(count, visible, numbers)


def _as_far(number: int) -> Count:
    return Count(min(number, COUNT_AT_MOST), is_more=number > COUNT_AT_MOST)


def _kept(filters: Filters) -> int | None:
    """The tally knows states, who is waited for, remedies, and whether a region is uncovered."""
    if filters.but(state=(), blocked=(), remedy="", coverage=None) != Filters():
        return None
    if filters.coverage not in {None, CoverageIs.UNCOVERED}:
        return None
    return sum(
        entry.with_uncovered if filters.coverage else entry.accounts
        for entry in tally()
        if (not filters.state or entry.state in filters.state)
        and (not filters.blocked or entry.blocked_on in filters.blocked)
        and (not filters.remedy or entry.remedy == filters.remedy)
    )
