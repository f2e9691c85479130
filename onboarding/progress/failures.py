"""What went wrong, and what is there to do about it? A stored reason and failure, made ready to be shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding import remedies
from onboarding.models import AwsAccount
from onboarding.models.step import AnyStep


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

# What AWS's own words name, by the placeholder that it fills.
_NAMED = {
    "action": re.compile(r"not authorized to perform: (?P<name>[a-z0-9-]+:[A-Za-z]+)"),
    "other": re.compile(r"in use by (?P<name>[A-Za-z][-A-Za-z0-9]*)"),
}


def trouble_of(
    reason_code: str,
    failure: Mapping[str, Any] | None,
    *,
    step: AnyStep | None = None,
    account: AwsAccount | None = None,
) -> Trouble | None:
    """None when nothing is wrong. A code that no row knows any more gets the general remedy.

    The words carry the names that `step`, `account` and AWS's own words tell.
    """
    if not reason_code and not failure:
        return None
    said = failure or {}
    details = tuple((label, str(said[name])) for name, label in _DETAILS.items() if said.get(name))
    names = _names(said, step, account)
    return Trouble(code=reason_code, remedy=remedies.remedy_named(reason_code, names), details=details)


def _names(said: Mapping[str, Any], step: AnyStep | None, account: AwsAccount | None) -> dict[str, str]:
    message = str(said.get("message") or "")
    found = {name: match["name"] for name, sign in _NAMED.items() if (match := sign.search(message))}
    names = {**found, "region": str(said.get("region") or ""), "bucket": settings.COMPANY.storage.bucket}
    if step is not None:
        names["region"] = step.region or names["region"]
        # An admission and a verification name no stack.
        names["stack"] = step.target if step.stage in {"remove", "roles", "trails"} else ""
    if account is not None:
        names |= {"account": account.number, "role": account.last_role_arn}
    return names
