"""What does a failure mean for a person, and what is the one thing to do?

A table: to know a failure better, add a row to the module of its place. Pure; the words are translatable.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from onboarding.observed import Failure
from onboarding.remedies import access, central, installing, regions, removing, running
from onboarding.remedies.names import with_names
from onboarding.remedies.remedy import Remedy, Sign, Who
from onboarding.states import FailureKind

__all__ = ["REMEDIES", "UNKNOWN", "Remedy", "Sign", "Who", "remedy_for", "remedy_named"]

UNKNOWN = Remedy(
    code="unknown",
    title=_("AWS gave an answer that we don't know"),
    happened=_("AWS refused a request in a way that this portal has no words for yet."),
    meaning=_("This part has stopped. The other parts go on."),
    act=_("Try again. If it stays, send infosec the code and the request id shown here."),
    who=Who.INFOSEC,
)

# The more telling rows come first: the first whose sign fits is the answer.
_ROWS = (
    *access.ROWS,
    *removing.ROWS,
    *central.ROWS,
    *installing.ROWS,
    *regions.ROWS,
    *running.ROWS,
    *access.GENERAL_ROWS,
    *regions.GENERAL_ROWS,
)

_TEMPLATES = {row.code: row for row in chain(_ROWS, (UNKNOWN,))}

# Each as it reads where no names are known.
REMEDIES: dict[str, Remedy] = {code: with_names(row, {}) for code, row in _TEMPLATES.items()}


def remedy_named(code: str, names: Mapping[str, str]) -> Remedy:
    """The remedy of this code with the names that are known; the general one for a code that no row knows."""
    return with_names(_TEMPLATES.get(code, UNKNOWN), names)


def remedy_for(failure: Failure, place: str) -> Remedy:
    """The row that fits best. `place` is a step's kind, a stage, or "hand_over".

    A failure of our own checks names its row by its code. Of an unknown one, AWS's own code and request id
    are told as they came.
    """
    if failure.kind == FailureKind.OURS and failure.code in REMEDIES:
        return REMEDIES[failure.code]
    for row in _ROWS:
        if any(each.fits(failure, place) for each in row.signs):
            return REMEDIES[row.code]
    told = _("AWS answered {code}. Request id: {request_id}.")
    return replace(
        UNKNOWN,
        happened=format_lazy(told, code=failure.code or "?", request_id=failure.request_id or "?"),
    )
