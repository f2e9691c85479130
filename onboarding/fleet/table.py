"""Which hundred accounts does a page of the list show, and where does it go on?

Paged by the last row's own values and not by counting: the thousandth page costs what the first does, and
rows that come or go meanwhile make none appear twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding.models import AccountSummary
from onboarding.models.summary import AccountSummaryQuerySet

ROWS_PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Sort:
    word: str
    label: str | Promise
    field: str
    is_descending: bool = False


SORTS: Mapping[str, Sort] = {
    sort.word: sort
    for sort in (
        Sort("number", _("Account number"), "number"),
        Sort("name", _("Name"), "name"),
        Sort("longest", _("Longest in this state"), "since"),
        Sort("newest", _("Newest in this state"), "since", is_descending=True),
        Sort("uncovered", _("Most regions not covered"), "regions_uncovered", is_descending=True),
        Sort("moved", _("Last movement"), "moved_at", is_descending=True),
    )
}
DEFAULT_SORT = SORTS["number"]


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[AccountSummary]
    # Cursors for the address: of the page after this and the one before it; empty where there is none.
    after: str
    before: str


def plain_rows(summaries: AccountSummaryQuerySet, fields: Sequence[str]) -> AccountSummaryQuerySet:
    """The same summaries with these of their fields alone: a hundred cost half of what whole objects do."""
    return cast("AccountSummaryQuerySet", summaries.values_list(*dict.fromkeys(fields), named=True))


def page_of(
    summaries: AccountSummaryQuerySet,
    sort: Sort,
    *,
    after: str = "",
    before: str = "",
    numbers: Sequence[str] | None = None,
    size: int = ROWS_PER_PAGE,
) -> Page:
    """The rows that follow the cursor `after`, or that lie before `before`. A broken cursor is the start.

    `numbers`, where they are known: of the summaries those that are meant.
    """
    cursor = _read(sort, before or after)
    is_backwards = bool(before) and cursor is not None
    is_descending = sort.is_descending != is_backwards
    if cursor is not None:
        summaries = summaries.filter(_beyond(sort.field, cursor, is_descending=is_descending))
    if numbers is not None:
        if sort.field == "number":
            numbers = _next(numbers, cursor, is_descending=is_descending, size=size + 1)
        summaries = summaries.filter(number__in=numbers)
    order = [sort.field] if sort.field == "number" else [sort.field, "number"]
    ordered = summaries.order_by(*(f"-{name}" if is_descending else name for name in order))
    found = list(ordered[: size + 1])
    has_more, rows = len(found) > size, found[:size]
    if is_backwards:
        rows.reverse()
    goes_on, came_from = (True, has_more) if is_backwards else (has_more, cursor is not None)
    return Page(
        rows=rows,
        after=_written(sort, rows[-1]) if rows and goes_on else "",
        before=_written(sort, rows[0]) if rows and came_from else "",
    )


def _next(
    numbers: Sequence[str], cursor: tuple[Any, str] | None, *, is_descending: bool, size: int
) -> list[str]:
    """Of these, the first beyond the cursor: no other can stand on the page."""
    ordered = sorted(numbers, reverse=is_descending)
    if cursor is not None:
        ordered = [each for each in ordered if (each < cursor[1] if is_descending else each > cursor[1])]
    return ordered[:size]


def _beyond(field: str, cursor: tuple[Any, str], *, is_descending: bool) -> Q:
    """Strictly after the cursor in the given direction. The outer bound is what an index can begin at."""
    value, number = cursor
    way = "lt" if is_descending else "gt"
    if field == "number":
        return Q(**{f"number__{way}": number})
    tied = Q(**{field: value, f"number__{way}": number})
    return Q(**{f"{field}__{way}e": value}) & (Q(**{f"{field}__{way}": value}) | tied)


def _written(sort: Sort, row: AccountSummary) -> str:
    value = getattr(row, sort.field)
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return row.number if sort.field == "number" else f"{row.number}~{text}"


def _read(sort: Sort, cursor: str) -> tuple[Any, str] | None:
    number, _tilde, text = cursor.replace("\x00", "").partition("~")
    if not (number.isascii() and number.isdigit() and len(number) == 12):
        return None
    try:
        return _VALUES[sort.field](text), number
    except ValueError:
        return None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _small_number(text: str) -> int:
    number = int(text)
    if not 0 <= number < 32_768:
        raise ValueError(text)
    return number


_VALUES: Mapping[str, Any] = {
    "number": str,
    "name": str,
    "since": _moment,
    "moved_at": _moment,
    "regions_uncovered": _small_number,
}
