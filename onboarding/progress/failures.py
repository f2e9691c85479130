"""What went wrong, and what is there to do about it? A stored reason and failure, made ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding import remedies


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failure for people: the remedy in plain words, and AWS's own words for whoever wants them."""

    code: str
    remedy: remedies.Remedy
    # (label, value) pairs as AWS gave them; empty when no AWS call was behind it.
    details: tuple[tuple[str | Promise, str], ...]


_DETAILS = {
    "code": _("Error code"),
    "message": _("AWS said"),
    "service": _("Service"),
    "operation": _("Operation"),
    "region": _("Region"),
    "request_id": _("Request id"),
}


def trouble_of(reason_code: str, failure: Mapping[str, Any] | None) -> Trouble | None:
    """None when nothing is wrong. A code that no row knows any more gets the general remedy."""
    if not reason_code and not failure:
        return None
    said = failure or {}
    details = tuple((label, str(said[name])) for name, label in _DETAILS.items() if said.get(name))
    return Trouble(
        code=reason_code, remedy=remedies.REMEDIES.get(reason_code, remedies.UNKNOWN), details=details
    )
