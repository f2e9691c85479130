"""What does a series of days look like? The numbers of an SVG; its colours are CSS's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from django.utils.dateformat import format as month_and_year
from django.utils.formats import number_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from onboarding.fleet.figures import share

WIDTH, HEIGHT = 640, 200
LEFT, BOTTOM, TOP = 44, 22, 8


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    regions_enabled: int
    regions_covered: int


@dataclass(frozen=True, slots=True)
class Label:
    # As SVG writes numbers, whatever the reader's language: a comma would make two places of one.
    x: str
    y: str
    text: str


@dataclass(frozen=True, slots=True)
class CoverageChart:
    """Two areas, one in front of the other: regions that are enabled, and of them the covered ones."""

    enabled: str
    covered: str
    across: tuple[Label, ...]
    up: tuple[Label, ...]
    # Where the numbers at the side stand.
    lines_across: str
    # One sentence for who doesn't see it.
    words: str
    # The same as a table, a line for each month: day, covered, enabled, per cent.
    lines: tuple[tuple[str, int, int, int], ...]


def coverage_chart(days: Sequence[Day]) -> CoverageChart | None:
    """None where there are not yet two days to compare."""
    return _drawn(tuple(days), get_language()) if len(days) >= 2 else None


@lru_cache(maxsize=16)
def _drawn(days: tuple[Day, ...], _language: str) -> CoverageChart:
    """The same days make the same chart in the same language, and change once in a while."""
    first, last = days[0], days[-1]
    most = max(1, *(day.regions_enabled for day in days))
    length = max((last.day - first.day).days, 1)

    def x(day: Day) -> float:
        return LEFT + (WIDTH - LEFT) * (day.day - first.day).days / length

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most)

    def area(name: str) -> str:
        line = " ".join(f"L{x(day):.1f} {y(getattr(day, name)):.1f}" for day in days)
        return f"M{LEFT} {y(0):.1f} {line} L{WIDTH} {y(0):.1f} Z"

    monthly = [day for day, before in zip(days[1:], days, strict=False) if day.day.month != before.day.month]
    words = _("From %(before)s%% on %(first)s to %(after)s%% on %(last)s.") % {
        "before": share(first.regions_covered, first.regions_enabled),
        "first": first.day.isoformat(),
        "after": share(last.regions_covered, last.regions_enabled),
        "last": last.day.isoformat(),
    }
    return CoverageChart(
        enabled=area("regions_enabled"),
        covered=area("regions_covered"),
        across=tuple(
            # Half of the last word would lie outside.
            Label(f"{min(x(day), WIDTH - 28):.1f}", f"{HEIGHT - 6}", month_and_year(day.day, "M Y"))
            for day in monthly[:: -max(1, len(monthly) // 5)]
        ),
        lines_across=" ".join(f"M{LEFT} {y(value):.1f} H{WIDTH}" for value in (most / 2, most)),
        up=tuple(Label(f"{LEFT - 6}", f"{y(value) + 4:.1f}", _short(value)) for value in (0, most / 2, most)),
        words=words,
        lines=tuple(
            (
                day.day.isoformat(),
                day.regions_covered,
                day.regions_enabled,
                share(day.regions_covered, day.regions_enabled),
            )
            for day in [*monthly, last][::-1]
        ),
    )


def _short(value: float) -> str:
    return f"{number_format(value / 1000, 1)}k" if value >= 1000 else f"{value:.0f}"
