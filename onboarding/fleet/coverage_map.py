"""Which region of which account is in which state? Accounts down, regions across, a sign in each cell.

A page has thousands of cells, so a row is put together as text, from the summary's packed column alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from django.utils.safestring import SafeString, mark_safe

from onboarding.fleet.figures import page_about
from onboarding.fleet.looks import REGION_LOOKS
from onboarding.models import AccountSummary
from onboarding.progress.places import place_of
from onboarding.states import RegionState

# Of a summary, what a row of the map is made of.
SHOWN = ("number", "name", "regions", "regions_covered", "regions_enabled")


@dataclass(frozen=True, slots=True)
class MapColumn:
    region: str
    place: str


@dataclass(frozen=True, slots=True)
class LegendLine:
    tone: str
    sign: str
    word: str


def legend() -> list[LegendLine]:
    """What somebody looks for first comes first."""
    states = sorted(RegionState, key=lambda state: state != RegionState.FAILED)
    return [LegendLine(*REGION_LOOKS[state], str(state.label)) for state in states]


def map_of(summaries: Sequence[AccountSummary]) -> tuple[list[MapColumn], SafeString]:
    """The regions that any of these accounts was read in, and a row of HTML for each account."""
    states = [dict(pair.split(":", 1) for pair in summary.regions.split()) for summary in summaries]
    regions = sorted(set().union(*states))
    # Beginning and end of a cell, by its state; in between stands where it leads.
    cells = {
        state: (
            f'<td class="on-map tone-{tone}"><a href="',
            f'" aria-label="{escape(str(RegionState(state).label))}">{sign}</a></td>',
        )
        for state, (tone, sign) in REGION_LOOKS.items()
    }
    # As AWS said them, and the worker stored them.
    anchors = [(region, escape(region)) for region in regions]
    rows = []
    for summary, read in zip(summaries, states, strict=True):
        url = page_about(summary.number)
        made = []
        for region, anchor in anchors:
            state = read.get(region)
            if state is None or state not in cells:
                made.append('<td class="on-map"></td>')
            else:
                begin, end = cells[state]
                made.append(f"{begin}{url}#{anchor}{end}")
        name = escape(summary.name)
        rows.append(
            f'<tr><th scope="row"><a href="{url}" title="{summary.number}">{name}</a>'
            f'<span class="quiet">{summary.regions_covered}/{summary.regions_enabled}</span></th>'
            f"{''.join(made)}</tr>"
        )
    columns = [MapColumn(region, place_of(region)) for region in regions]
    # Numbers, words of ours, and names and regions that are escaped.
    return columns, mark_safe("\n".join(rows))  # noqa: S308
