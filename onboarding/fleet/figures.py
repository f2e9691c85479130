"""How many accounts stand how? From the tally, in one question; each number with the filters that list it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Sum
from django.urls import reverse

from onboarding.fleet.filters import Filters
from onboarding.models import Tally
from onboarding.models.standing import KEY, SUMS


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and the address of the list of what it counts."""

    number: int
    url: str

    def __str__(self) -> str:
        return f"{self.number:,}"


@dataclass(frozen=True, slots=True)
class Entry:
    state: str
    blocked_on: str
    remedy: str
    accounts: int
    with_uncovered: int
    regions_enabled: int
    regions_covered: int


def tally() -> list[Entry]:
    """What the ledger adds up to, by state, who is waited for, and remedy."""
    sums: Mapping[str, Sum] = {f"{name}__sum": Sum(name) for name in SUMS}
    rows = Tally.objects.order_by().values_list(*KEY).annotate(**sums)
    return [Entry(*row) for row in rows if any(row[len(KEY) :])]


def figure(number: int, filters: Filters) -> Figure:
    return Figure(number, list_of(filters))


def list_of(filters: Filters) -> str:
    """The address of the list of these accounts."""
    return reverse("fleet-accounts") + filters.as_query()


def share(part: int, whole: int) -> int:
    """In whole per cent; a hundred only when nothing is missing, nought only when nothing is there."""
    if not whole:
        return 0
    percent = round(100 * part / whole)
    return min(max(percent, 1 if part else 0), 100 if part == whole else 99)
