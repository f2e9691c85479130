"""How many accounts stand how? From the tally, in one question; each number with the filters that list it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.urls import get_script_prefix, reverse

from onboarding.fleet.filters import Filters
from onboarding.models import Tally
from onboarding.models.prepared import Prepared
from onboarding.models.standing import KEY, SUMS

# What no ledger adds up is counted as far as this; beyond it a page says "5,000+".
COUNT_AT_MOST = 5000
TABLE = "onboarding_accountsummary"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and the address of the list of what it counts."""

    number: int
    url: str
    # Where the counting was ended.
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}+" if self.is_more else f"{self.number:,}"


@dataclass(frozen=True, slots=True)
class Entry:
    state: str
    blocked_on: str
    remedy: str
    accounts: int
    with_uncovered: int
    regions_enabled: int
    regions_covered: int


_sums: Mapping[str, Sum] = {f"{name}__sum": Sum(name) for name in SUMS}
ENTRIES = Prepared(Entry, lambda: Tally.objects.order_by().values_list(*KEY).annotate(**_sums))


def tally() -> list[Entry]:
    """What the ledger adds up to, by state, who is waited for, and remedy."""
    return counting(ENTRIES.ask())


def counting(entries: Iterable[Entry]) -> list[Entry]:
    """Those that any account stands in: of the others the ledger still has the rows."""
    return [entry for entry in entries if any(getattr(entry, name) for name in SUMS)]


def figure(number: int, filters: Filters) -> Figure:
    return Figure(number, list_of(filters))


def list_of(filters: Filters) -> str:
    """The address of the list of these accounts."""
    return _accounts_under(get_script_prefix()) + filters.as_query()


def page_about(number: str) -> str:
    """The address of an account's page. `reverse` for each of a hundred would cost more than their rows."""
    before, after = _around_number(get_script_prefix())
    return f"{before}{number}{after}"


@lru_cache(maxsize=8)
def _around_number(_prefix: str) -> tuple[str, str]:
    before, _hole, after = reverse("fleet-account", args=["000000000000"]).partition("000000000000")
    return before, after


@lru_cache(maxsize=8)
def _accounts_under(_prefix: str) -> str:
    return reverse("fleet-accounts")


def lengths_of(lists: Sequence[Filters], now: datetime) -> list[Figure]:
    """How long lists by state, who is waited for, and age are, all in one question.

    Said in SQL: each is counted along an index and as far as COUNT_AT_MOST, so that the overview of a large
    fleet costs what that of a small one does.
    """
    moment = connection.ops.adapt_datetimefield_value
    counts: list[str] = []
    values: list[Any] = []
    for filters in lists:
        conditions = ["TRUE"]
        for column, words in (("state", filters.state), ("blocked_on", filters.blocked)):
            if words:
                conditions.append(f"{column} IN ({', '.join(['%s'] * len(words))})")
                values += [str(word) for word in words]
        for compared, days in (("since >= %s", filters.within), ("since < %s", filters.over)):
            if days is not None:
                conditions.append(compared)
                values.append(moment(now - timedelta(days=days)))
        counts.append(
            f"(SELECT COUNT(*) FROM (SELECT 1 FROM {TABLE}"  # noqa: S608 - each value is a parameter
            f" WHERE {' AND '.join(conditions)} LIMIT {COUNT_AT_MOST + 1}) AS counted)"
        )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", values)
        found = cursor.fetchone()
    return [
        Figure(min(number, COUNT_AT_MOST), list_of(filters), is_more=number > COUNT_AT_MOST)
        for number, filters in zip(found, lists, strict=True)
    ]


def share(part: int, whole: int) -> int:
    """In whole per cent; a hundred only when nothing is missing, nought only when nothing is there."""
    if not whole:
        return 0
    percent = round(100 * part / whole)
    return min(max(percent, 1 if part else 0), 100 if part == whole else 99)
