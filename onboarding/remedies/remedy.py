"""What is a remedy, and by which signs is a failure known to need it?"""

import re
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise

from onboarding.observed import Failure
from onboarding.states import FailureKind

Words = str | Promise


class Who(StrEnum):
    """Who does the one thing to do."""

    OWNER = "owner"
    INFOSEC = "infosec"
    PORTAL = "portal"  # it mends itself, or its operators do
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Sign:
    """What must be true of a failure; whatever is left out may be anything."""

    codes: frozenset[str] = frozenset()
    kinds: frozenset[FailureKind] = frozenset()
    text: re.Pattern[str] | None = None
    places: frozenset[str] = frozenset()

    def fits(self, failure: Failure, place: str) -> bool:
        return (
            (not self.codes or failure.code in self.codes)
            and (not self.kinds or failure.kind in self.kinds)
            and (self.text is None or self.text.search(failure.message) is not None)
            and (not self.places or place in self.places)
        )


@dataclass(frozen=True, slots=True)
class Remedy:
    """A failure in plain words: what happened, what it means, the one thing to do, and who does it.

    `signs`: any of them makes a failure this one. `needs_new_plan`: trying the approved plan again brings
    nothing, as it doesn't contain what is to be done.
    """

    code: str
    title: Words
    happened: Words
    meaning: Words
    act: Words
    who: Who
    signs: tuple[Sign, ...] = ()
    needs_new_plan: bool = False


def sign(
    *codes: str,
    kinds: tuple[FailureKind, ...] = (),
    text: str = "",
    places: tuple[str, ...] = (),
) -> Sign:
    """A sign; `text` is a regular expression, found anywhere in AWS's message, in either case."""
    return Sign(
        codes=frozenset(codes),
        kinds=frozenset(kinds),
        text=re.compile(text, re.IGNORECASE) if text else None,
        places=frozenset(places),
    )
