"""Which pieces is the live page made of? The same templates make the page and what is streamed into it.

Each piece is one element with an id. A piece holds nothing of the person who looks: it is shared by all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string

from onboarding.progress.live import Progress


@dataclass(frozen=True, slots=True)
class Fragments:
    """A run's pieces at one event number, by element id, in the page's order."""

    number: int
    is_settled: bool
    pieces: Mapping[str, str]
    # The same regions as rows and cells; where the set of regions changes, the whole board is sent.
    regions: tuple[str, ...]
    board: str
    cells_and_rows: Mapping[str, str]


def fragments_of(progress: Progress) -> Fragments:
    """Render every piece in the active language."""
    context = {
        "progress": progress,
        "run": progress.run,
        "account": progress.run.account,
        "company": settings.COMPANY,
    }
    pieces = {
        "run-stepper": render_to_string("run/stepper.html", context),
        "run-header": render_to_string("run/header.html", context),
        "run-act": render_to_string("run/act.html", context),
        "run-count": render_to_string("run/count.html", context),
        "run-stages": render_to_string("run/stages.html", context),
        "run-timeline": render_to_string("run/timeline.html", context),
    }
    cells_and_rows: dict[str, str] = {}
    for row in progress.regions:
        cells_and_rows[f"cell-{row.region}"] = render_to_string("run/cell.html", {"row": row})
        # Outside a table, a browser throws a row's tags away.
        cells_and_rows[f"row-{row.region}"] = (
            f"<table>{render_to_string('run/row.html', {'row': row})}</table>"
        )
    return Fragments(
        number=progress.number,
        is_settled=progress.run.is_settled,
        pieces=pieces,
        regions=tuple(row.region for row in progress.regions),
        board=render_to_string("run/regions.html", context),
        cells_and_rows=cells_and_rows,
    )


def changes(before: Fragments | None, after: Fragments) -> list[str]:
    """The pieces that a page showing `before` must replace to show `after`; all for None.

    Each is marked for htmx, which swaps it for the element of the page that has its id.
    """
    old = before.pieces if before else {}
    changed = [html for element_id, html in after.pieces.items() if old.get(element_id) != html]
    if before is None or before.regions != after.regions:
        changed.append(after.board)
    else:
        changed += [
            html
            for element_id, html in after.cells_and_rows.items()
            if before.cells_and_rows.get(element_id) != html
        ]
    return [_ID.sub(r' hx-swap-oob="true"\g<0>', html, count=1) for html in changed]


# A piece's own id is the first in it.
_ID = re.compile(r' id="')
