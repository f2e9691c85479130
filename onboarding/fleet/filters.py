"""Which accounts are asked for? The language of the address of lists, counts, exports and acts.

A number on a page links to the list of exactly the accounts it counts: both are made of one `Filters`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, TextChoices
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from onboarding.blueprint import build_blueprint
from onboarding.models import RegionReading
from onboarding.models.summary import AccountSummaryQuerySet
from onboarding.states import AccountState, BlockedOn, RegionState

LONGEST_WORD = 200
MOST_DAYS = 36_500

Choice = TypeVar("Choice", bound=TextChoices)


class CoverageIs(TextChoices):
    UNCOVERED = "uncovered", _("A region is not covered")
    FULL = "full", _("Every region is covered")
    UNREAD = "unread", _("No region was read yet")


_COVERAGE: Mapping[CoverageIs, Mapping[str, int]] = {
    CoverageIs.UNCOVERED: {"regions_uncovered__gt": 0},
    CoverageIs.FULL: {"regions_uncovered": 0, "regions_enabled__gt": 0},
    CoverageIs.UNREAD: {"regions_enabled": 0},
}

# Of a region: any state but covered and skipped.
NOT_COVERED = "uncovered"
# Of who looks after an account.
NOBODY = "nobody"
_UNCOVERED = tuple(state for state in RegionState if state not in {RegionState.COVERED, RegionState.SKIPPED})
REGION_STATES: dict[str, Any] = {NOT_COVERED: _("Not covered"), **dict(RegionState.choices)}


@dataclass(frozen=True, slots=True)
class Filters:
    """Each that is set narrows; of the tuples any value fits. The field's name is the address's parameter."""

    search: str = ""
    state: tuple[AccountState, ...] = ()
    blocked: tuple[BlockedOn, ...] = ()
    remedy: str = ""
    coverage: CoverageIs | None = None
    region: str = ""
    # What the region above is in; "uncovered" when left out.
    region_state: str = ""
    # It has stood so for at most, or for longer than, so many days.
    within: int | None = None
    over: int | None = None
    # The beginning of a deployed blueprint's digest.
    blueprint: str = ""
    # "1": another blueprint than the present one was deployed.
    behind: str = ""
    tag: str = ""
    # Who of infosec looks after it: an address, or "nobody".
    assigned: str = ""

    @classmethod
    def from_query(cls, query: QueryDict) -> Self:
        """What an address asks for. Words that nobody knows are left out: an old bookmark must not break."""
        region = _word(query, "region")
        region_state = _word(query, "region_state")
        return cls(
            search=_word(query, "search"),
            state=_choices(AccountState, query.getlist("state")),
            blocked=_choices(BlockedOn, query.getlist("blocked")),
            remedy=_word(query, "remedy"),
            coverage=next(iter(_choices(CoverageIs, [_word(query, "coverage")])), None),
            region=region,
            region_state=region_state if region and region_state in REGION_STATES else "",
            within=_days(query, "within"),
            over=_days(query, "over"),
            blueprint=_word(query, "blueprint"),
            behind="1" if _word(query, "behind") else "",
            tag=_word(query, "tag").lower(),
            assigned=_word(query, "assigned").lower(),
        )

    def as_pairs(self) -> list[tuple[str, str]]:
        """The address's parameters, those that narrow alone."""
        pairs: list[tuple[str, str]] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                pairs += [(field.name, str(each)) for each in value]
            elif value not in {"", None}:
                pairs.append((field.name, str(value)))
        return pairs

    def as_query(self, kept: Iterable[tuple[str, str]] = (), **more: str) -> str:
        """As an address says it: "?state=failed", or "" for all accounts. With what else it carries."""
        own = _query_of(self)
        pairs = [*kept, *((name, value) for name, value in more.items() if value)]
        return "?" + "&".join([*([own] if own else []), urlencode(pairs)]) if pairs else own and f"?{own}"

    def but(self, **changed: Any) -> Self:
        return replace(self, **changed)

    @property
    def is_empty(self) -> bool:
        return not self.as_pairs()

    def apply(self, summaries: AccountSummaryQuerySet, now: datetime) -> AccountSummaryQuerySet:
        """The summaries that fit."""
        for word in self.search.lower().split():
            summaries = summaries.filter(search__contains=word)
        exact: dict[str, Any] = {}
        if self.state:
            exact["state__in"] = self.state
        if self.blocked:
            exact["blocked_on__in"] = self.blocked
        if self.remedy:
            exact["remedy"] = self.remedy
        if self.within is not None:
            exact["since__gte"] = now - timedelta(days=self.within)
        if self.over is not None:
            exact["since__lt"] = now - timedelta(days=self.over)
        if self.blueprint:
            exact["blueprint_digest__startswith"] = self.blueprint
        if self.coverage:
            exact |= _COVERAGE[self.coverage]
        summaries = summaries.filter(**exact, **self._at_the_desk())
        if self.behind:
            summaries = summaries.behind(build_blueprint(settings.COMPANY).current_digests)
        there = Exists(self.readings().filter(account=OuterRef("pk")))
        return summaries.filter(there) if self.region else summaries

    def _at_the_desk(self) -> dict[str, Any]:
        """What infosec keeps about accounts for itself."""
        exact: dict[str, Any] = {}
        if self.tag:
            exact["account__tags__name"] = self.tag
        if self.assigned == NOBODY:
            exact["account__assignment"] = None
        elif self.assigned:
            exact["account__assignment__user__email__iexact"] = self.assigned
        return exact

    def readings(self) -> QuerySet[RegionReading]:
        """Of the region asked for, the readings in the state asked for: one for each account that fits."""
        wanted = self.region_state or NOT_COVERED
        states = _UNCOVERED if wanted == NOT_COVERED else (wanted,)
        return RegionReading.objects.filter(region=self.region, state__in=states)


@lru_cache(maxsize=1024)
def _query_of(filters: Filters) -> str:
    """The overview and the failures write dozens of addresses, each time the same."""
    return urlencode(filters.as_pairs())


def _word(query: Mapping[str, str], name: str) -> str:
    return str(query.get(name, "")).replace("\x00", "").strip()[:LONGEST_WORD]


def _choices(words: type[Choice], given: Iterable[str]) -> tuple[Choice, ...]:
    """Those that are known, in their own order: the same wish is always the same address."""
    asked = set(given)
    return tuple(word for word in words if word.value in asked)


def _days(query: Mapping[str, str], name: str) -> int | None:
    text = _word(query, name)
    return min(int(text), MOST_DAYS) if text.isascii() and text.isdigit() and len(text) < 10 else None
