"""Where does the fleet stand at a glance, and what is next? Every number leads to what it counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from onboarding.fleet.charts import CoverageChart, coverage_chart
from onboarding.fleet.clusters import Cluster, clusters_of
from onboarding.fleet.figures import Entry, Figure, figure, lengths_of, list_of, share, tally
from onboarding.fleet.filters import CoverageIs, Filters
from onboarding.fleet.table import plain_rows
from onboarding.models import AccountSummary, FleetDay
from onboarding.models.summary import AccountSummaryQuerySet
from onboarding.states import AccountState, BlockedOn

BROKEN = (AccountState.FAILED, AccountState.PARTLY)
LINES = 6
# Of a summary, what the lines of the overview show.
SHOWN = ("number", "name", "owner_email", "state", "since", "remedy", "moved_at")
# How long owners have been waited for: more than, and at most, so many days.
_AGES = ((None, 7), (7, 30), (30, 90), (90, None))


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
    broken: Sequence[AccountSummary]
    waiting: Sequence[AccountSummary]
    waiting_url: str
    movement: Sequence[AccountSummary]
    chart: CoverageChart | None


def overview_of(summaries: AccountSummaryQuerySet, now: datetime) -> Overview:
    """Six questions, whatever the fleet's size."""
    entries = tally()
    lean = plain_rows(summaries, SHOWN)
    accounts = sum(entry.accounts for entry in entries)
    verified = _accounts(entries, state=AccountState.VERIFIED)
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
        infosec=figure(
            _accounts(entries, blocked_on=BlockedOn.INFOSEC), Filters(blocked=(BlockedOn.INFOSEC,))
        ),
        without_owner=figure(
            _accounts(entries, state=AccountState.NO_OWNER, blocked_on=BlockedOn.INFOSEC),
            Filters(state=(AccountState.NO_OWNER,)),
        ),
        owners=figure(_accounts(entries, blocked_on=BlockedOn.OWNER), waiting),
        broke_in_a_day=broke_in_a_day,
        broke_in_a_week=broke_in_a_week,
        states=tuple(_state_line(entries, state, accounts) for state in AccountState),
        ages=_ages(ages),
        clusters=[each for each in clusters_of(entries) if each.who == BlockedOn.INFOSEC][:LINES],
        broken=list(lean.filter(state__in=BROKEN).order_by("-since", "number")[:LINES]),
        waiting=list(lean.filter(blocked_on=BlockedOn.OWNER).order_by("since", "number")[:LINES]),
        waiting_url=list_of(waiting) + "&sort=longest",
        movement=movement_of(lean),
        chart=coverage_chart(_weekly(now.date())),
    )


def movement_of(summaries: AccountSummaryQuerySet) -> Sequence[AccountSummary]:
    """What moved last, the newest first."""
    return list(summaries.order_by("-moved_at", "number")[: 2 * LINES])


def _accounts(entries: Iterable[Entry], **wanted: str) -> int:
    return sum(
        entry.accounts
        for entry in entries
        if all(getattr(entry, name) == value for name, value in wanted.items())
    )


def _state_line(entries: Iterable[Entry], state: AccountState, accounts: int) -> StateLine:
    number = _accounts(entries, state=state)
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


def _weekly(today: date) -> list[FleetDay]:
    """One day of each week of two years, and the newest."""
    since = today - timedelta(days=730)
    return list(FleetDay.objects.filter(Q(day__week_day=2) | Q(day=today), day__gte=since).order_by("day"))
