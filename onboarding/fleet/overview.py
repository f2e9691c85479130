"""Where does the fleet stand at a glance, and what is next? Every number leads to what it counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from onboarding.fleet.charts import CoverageChart, coverage_chart
from onboarding.fleet.clusters import Cluster, clusters_of
from onboarding.fleet.figures import Entry, Figure, figure, list_of, share, tally
from onboarding.fleet.filters import CoverageIs, Filters
from onboarding.models import AccountSummary, FleetDay
from onboarding.models.summary import AccountSummaryQuerySet
from onboarding.states import AccountState, BlockedOn

BROKEN = (AccountState.FAILED, AccountState.PARTLY)
LINES = 6
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
    """Seven questions, whatever the fleet's size."""
    entries = tally()
    lean = summaries.defer("search", "regions")
    accounts = sum(entry.accounts for entry in entries)
    verified = _accounts(entries, state=AccountState.VERIFIED)
    enabled = sum(entry.regions_enabled for entry in entries)
    covered = sum(entry.regions_covered for entry in entries)
    broken = summaries.filter(state__in=BROKEN, since__gte=now - timedelta(days=7)).aggregate(
        day=Count("pk", filter=Q(since__gte=now - timedelta(days=1))), week=Count("pk")
    )
    waiting = Filters(blocked=(BlockedOn.OWNER,))
    return Overview(
        accounts=figure(accounts, Filters()),
        verified=figure(verified, Filters(state=(AccountState.VERIFIED,))),
        verified_percent=share(verified, accounts),
        uncovered=figure(
            sum(entry.with_uncovered for entry in entries), Filters(coverage=CoverageIs.UNCOVERED)
        ),
        regions_enabled=enabled,
        regions_covered=covered,
        covered_percent=share(covered, enabled),
        infosec=figure(
            _accounts(entries, blocked_on=BlockedOn.INFOSEC), Filters(blocked=(BlockedOn.INFOSEC,))
        ),
        without_owner=figure(
            _accounts(entries, state=AccountState.NO_OWNER, blocked_on=BlockedOn.INFOSEC),
            Filters(state=(AccountState.NO_OWNER,)),
        ),
        owners=figure(_accounts(entries, blocked_on=BlockedOn.OWNER), waiting),
        broke_in_a_day=figure(broken["day"], Filters(state=BROKEN, within=1)),
        broke_in_a_week=figure(broken["week"], Filters(state=BROKEN, within=7)),
        states=tuple(_state_line(entries, state, accounts) for state in AccountState),
        ages=_ages(summaries, now),
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


def _ages(summaries: AccountSummaryQuerySet, now: datetime) -> tuple[AgeLine, ...]:
    counts = {
        str(place): Count("pk", filter=_of_age(over, within, now))
        for place, (over, within) in enumerate(_AGES)
    }
    found = summaries.filter(blocked_on=BlockedOn.OWNER).aggregate(
        **{f"age{name}": count for name, count in counts.items()}
    )
    most = max(found.values())
    return tuple(
        AgeLine(
            words=_age_words(over, within),
            figure=figure(
                found[f"age{place}"], Filters(blocked=(BlockedOn.OWNER,), over=over, within=within)
            ),
            percent=share(found[f"age{place}"], most),
        )
        for place, (over, within) in enumerate(_AGES)
    )


def _of_age(over: int | None, within: int | None, now: datetime) -> Q:
    """As `Filters` says it."""
    bounds = Q()
    if over is not None:
        bounds &= Q(since__lt=now - timedelta(days=over))
    if within is not None:
        bounds &= Q(since__gte=now - timedelta(days=within))
    return bounds


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
