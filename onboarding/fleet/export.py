"""How does a list of any length get into a file? Part by part, so that memory stays the same.

A cell that a spreadsheet would take for a formula is given as text: names and addresses are other people's.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from onboarding.models.summary import AccountSummaryQuerySet

ROWS_AT_A_TIME = 2000
FIELDS = (
    "number",
    "name",
    "owner_email",
    "state",
    "blocked_on",
    "since",
    "remedy",
    "regions_enabled",
    "regions_covered",
    "regions_uncovered",
    "blueprint_version",
    "blueprint_digest",
    "moved_at",
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_parts(summaries: AccountSummaryQuerySet) -> Iterator[str]:
    """A heading line, then so many accounts at a time."""
    yield ",".join(FIELDS) + "\r\n"
    for rows in _parts(summaries):
        out = StringIO()
        csv.writer(out).writerows(zip(*map(_cells, zip(*rows, strict=True)), strict=True))
        yield out.getvalue()


def json_parts(summaries: AccountSummaryQuerySet) -> Iterator[str]:
    """One array; each account an object on a line of its own."""
    opening = "[\n"
    for rows in _parts(summaries):
        lines = (json.dumps(dict(zip(FIELDS, row, strict=True)), default=_moment) for row in rows)
        yield opening + ",\n".join(lines)
        opening = ",\n"
    yield "[]\n" if opening == "[\n" else "\n]\n"


def _parts(summaries: AccountSummaryQuerySet) -> Iterator[list[tuple[Any, ...]]]:
    """By the account's number: rows that come or go meanwhile move no others."""
    ordered = summaries.order_by("number").values_list(*FIELDS)
    rows = list(ordered[:ROWS_AT_A_TIME])
    while rows:
        yield rows
        rows = (
            list(ordered.filter(number__gt=rows[-1][0])[:ROWS_AT_A_TIME])
            if len(rows) == ROWS_AT_A_TIME
            else []
        )


def _cells(values: Sequence[Any]) -> Sequence[Any]:
    """A column's: all of one kind. By columns it takes half as long as cell by cell."""
    match values[0]:
        case datetime():
            return [value.isoformat() for value in values]
        case str():
            return [f"'{value}" if value.startswith(_FORMULAS) else value for value in values]
        case _:
            return values


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(value)
