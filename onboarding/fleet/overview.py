"""Where does the fleet stand at a glance, and what is next? Every number leads to what it counts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, DateField, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from onboarding.fleet.charts import CoverageChart, Day, coverage_chart
from onboarding.fleet.clusters import Cluster, clusters_of
from onboarding.fleet.figures import (
    ENTRIES,
    Entry,
    Figure,
    counting,
    figure,
    lengths_of,
    list_of,
    page_about,
    share,
)
from onboarding.fleet.filters import CoverageIs, Filters
from onboarding.models import AccountSummary, FleetDay, Notice
from onboarding.models.prepared import Prepared, ask_together, columns_of
from onboarding.models.standing import who_is_asked
from onboarding.states import AccountState, BlockedOn

BROKEN = (AccountState.FAILED, AccountState.PARTLY)
LINES = 6
# How long owners have been waited for: more than, and at most, so many days.
_AGES = ((None, 7), (7, 30), (30, 90), (90, None))


@dataclass(frozen=True, slots=True)
class AccountLine:
    number: str
    name: str
    owner_email: str
    state: str
    since: datetime
    remedy: str
    moved_at: datetime

    @property
    def url(self) -> str:
        return page_about(self.number)


@dataclass(frozen=True, slots=True)
class StateLine:
    state: str
    figure: Figure
    percent: int


@dataclass(frozen=True, slots=True)
class AgeLine:
    words: str | Promise
    figure: Figure
    percent: int


@dataclass(frozen=True, slots=True)
class Overview:
    accounts: Figure
    verified: Figure
    verified_percent: int
    uncovered: Figure
    regions_enabled: int
    regions_covered: int
    regions_uncovered: int
    covered_percent: int
    infosec: Figure
    without_owner: Figure
    owners: Figure
    broke_in_a_day: Figure
    broke_in_a_week: Figure
    states: tuple[StateLine, ...]
    ages: tuple[AgeLine, ...]
    clusters: Sequence[Cluster]
    broken: Sequence[AccountLine]
    waiting: Sequence[AccountLine]
    waiting_url: str
    movement: Sequence[AccountLine]
    # Mails and comments.
    undelivered: int
    chart: CoverageChart | None


_broken = Prepared(AccountLine, lambda: _lines(Q(state__in=BROKEN), "-since")[:LINES])
_waiting = Prepared(AccountLine, lambda: _lines(Q(blocked_on=BlockedOn.OWNER), "since")[:LINES])
_last_moved = Prepared(AccountLine, lambda: _lines(Q(), "-moved_at")[: 2 * LINES])
_undelivered = Prepared(
    int,
    lambda: Notice.objects.in_trouble().values("outcome").annotate(number=Count("pk")).values_list("number"),
)
# One day of each week since the first, and the last.
_days = Prepared(
    Day,
    lambda first, last: (
        FleetDay.objects.filter(Q(day__week_day=2) | Q(day=last), day__gte=first)
        .order_by("day")
        .values_list(*columns_of(Day))
    ),
    DateField(),
    DateField(),
)


def _lines(wanted: Q, first: str) -> QuerySet[AccountSummary, tuple[Any, ...]]:
    found = AccountSummary.objects.filter(wanted).order_by(first, "number")
    return found.values_list(*columns_of(AccountLine))


def overview_of(now: datetime) -> Overview:
    """For infosec alone. Twice to the database, whatever the fleet's size."""
    told, latest, waiting_longest, moved, troubled, days = ask_together(
        ENTRIES.asked(),
        _broken.asked(),
        _waiting.asked(),
        _last_moved.asked(),
        _undelivered.asked(),
        _days.asked(now.date() - timedelta(days=730), now.date()),
    )
    entries = counting(told)
    by_state: Counter[str] = Counter()
    by_blocked: Counter[str] = Counter()
    for entry in entries:
        by_state[entry.state] += entry.accounts
        by_blocked[entry.blocked_on] += entry.accounts
    accounts = by_state.total()
    verified = by_state[AccountState.VERIFIED]
    enabled = sum(entry.regions_enabled for entry in entries)
    covered = sum(entry.regions_covered for entry in entries)
    broken = [Filters(state=BROKEN, within=1), Filters(state=BROKEN, within=7)]
    waiting = Filters(blocked=(BlockedOn.OWNER,))
    aged = [waiting.but(over=over, within=within) for over, within in _AGES]
    broke_in_a_day, broke_in_a_week, *ages = lengths_of([*broken, *aged], now)
    return Overview(
        accounts=figure(accounts, Filters()),
        verified=figure(verified, Filters(state=(AccountState.VERIFIED,))),
        verified_percent=share(verified, accounts),
        uncovered=figure(
            sum(entry.with_uncovered for entry in entries), Filters(coverage=CoverageIs.UNCOVERED)
        ),
        regions_enabled=enabled,
        regions_covered=covered,
        regions_uncovered=enabled - covered,
        covered_percent=share(covered, enabled),
        infosec=figure(by_blocked[BlockedOn.INFOSEC], Filters(blocked=(BlockedOn.INFOSEC,))),
        without_owner=figure(by_state[AccountState.NO_OWNER], Filters(state=(AccountState.NO_OWNER,))),
        owners=figure(by_blocked[BlockedOn.OWNER], waiting),
        broke_in_a_day=broke_in_a_day,
        broke_in_a_week=broke_in_a_week,
        states=tuple(_state_line(state, by_state[state], accounts) for state in AccountState),
        ages=_ages(ages),
        clusters=clusters_of(entry for entry in entries if _waits_for_infosec(entry))[:LINES],
        broken=latest,
        waiting=waiting_longest,
        waiting_url=list_of(waiting) + "&sort=longest",
        movement=moved,
        undelivered=sum(troubled),
        chart=coverage_chart(days),
    )


def last_moved() -> Sequence[AccountLine]:
    """The newest first. For infosec alone."""
    return _last_moved.ask()


def _waits_for_infosec(entry: Entry) -> bool:
    return bool(entry.remedy) and who_is_asked(entry.remedy) == BlockedOn.INFOSEC


def _state_line(state: AccountState, number: int, accounts: int) -> StateLine:
    return StateLine(state, figure(number, Filters(state=(state,))), share(number, accounts))


def _ages(figures: Sequence[Figure]) -> tuple[AgeLine, ...]:
    most = max(each.number for each in figures)
    return tuple(
        AgeLine(words=_age_words(over, within), figure=each, percent=share(each.number, most))
        for (over, within), each in zip(_AGES, figures, strict=True)
    )


def _age_words(over: int | None, within: int | None) -> str:
    if over is None:
        return _("up to %(days)s days") % {"days": within}
    if within is None:
        return _("more than %(days)s days") % {"days": over}
    return _("%(over)s to %(within)s days") % {"over": over, "within": within}
