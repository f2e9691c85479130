"""What does a list's address ask for, in words? Said above the list, each with a way to leave it out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from onboarding.fleet.columns import remedy_title
from onboarding.fleet.filters import NOBODY, NOT_COVERED, REGION_STATES, Filters


@dataclass(frozen=True, slots=True)
class Told:
    words: str
    # The address's query without it.
    without: str


def filter_words(filters: Filters) -> list[Told]:
    return [Told(words, filters.but(**cleared).as_query()) for words, cleared in _each(filters)]


def _each(filters: Filters) -> Iterator[tuple[str, dict[str, Any]]]:
    if filters.search:
        yield _("“%(text)s”") % {"text": filters.search}, {"search": ""}
    if filters.state:
        yield " / ".join(str(state.label) for state in filters.state), {"state": ()}
    if filters.blocked:
        names = " / ".join(str(who.label) for who in filters.blocked)
        yield _("waits for: %(who)s") % {"who": names}, {"blocked": ()}
    if filters.remedy:
        yield remedy_title(filters.remedy), {"remedy": ""}
    if filters.coverage:
        yield str(filters.coverage.label), {"coverage": None}
    if filters.region:
        state = REGION_STATES[filters.region_state or NOT_COVERED]
        words = _("%(region)s: %(state)s") % {"region": filters.region, "state": state}
        yield words, {"region": "", "region_state": ""}
    if filters.within is not None:
        yield _("so for at most %(days)s days") % {"days": filters.within}, {"within": None}
    if filters.over is not None:
        yield _("so for more than %(days)s days") % {"days": filters.over}, {"over": None}
    if filters.blueprint:
        yield _("blueprint %(digest)s") % {"digest": filters.blueprint[:12]}, {"blueprint": ""}
    yield from _of_desk(filters)


def _of_desk(filters: Filters) -> Iterator[tuple[str, dict[str, Any]]]:
    if filters.behind:
        yield _("behind the present blueprint"), {"behind": ""}
    if filters.tag:
        yield _("tag %(tag)s") % {"tag": filters.tag}, {"tag": ""}
    if filters.assigned:
        looks = _("nobody") if filters.assigned == NOBODY else filters.assigned
        yield _("looked after by: %(who)s") % {"who": looks}, {"assigned": ""}
