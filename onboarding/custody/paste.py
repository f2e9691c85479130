"""What did somebody paste when asked for temporary credentials?

Understands what AWS's own tools print: export, set and PowerShell lines, a profile of the credentials file,
the JSON of `aws sts …` and `aws configure export-credentials`. Never repeats in a refusal what was pasted.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding.credentials import TemporaryCredentials

KEY_ID, SECRET, TOKEN, EXPIRY = "key_id", "secret", "token", "expiry"

_NAMES = {
    "awsaccesskeyid": KEY_ID,
    "accesskeyid": KEY_ID,
    "awssecretaccesskey": SECRET,
    "secretaccesskey": SECRET,
    "secretkey": SECRET,
    "awssessiontoken": TOKEN,
    "sessiontoken": TOKEN,
    "awssecuritytoken": TOKEN,
    "awscredentialexpiration": EXPIRY,
    "awssessionexpiration": EXPIRY,
    "xsecuritytokenexpires": EXPIRY,
    "expiration": EXPIRY,
}

# NAME=…, name = …, setx's NAME …, or a JSON member that came without its braces.
_LINE = re.compile(r"""^\s*["']?(?P<name>[A-Za-z_]+)["']?\s*(?:=|:|\s)\s*(?P<value>.+?)\s*[;,]?\s*$""")
# What begins an assignment; several may share a line: "set A=… && set B=…", "export A=… B=…".
# Blanks are looked at from the first of their run alone: else a run of them would take its length squared.
_ASSIGNMENTS = re.compile(
    r"""&&|;(?=\s)|\b(?:export|setx?)\s+"?|\$env:|(?<!\s)\s+(?=AWS_[A-Z_]+=)""", re.IGNORECASE
)
_CONTINUATION = re.compile(r"\s*[A-Za-z0-9+/=]+[\"']?\s*")
LONGEST_PASTE = 20_000


@dataclass(frozen=True, slots=True)
class Pasted:
    """What was understood. `expires_at` is aware, and None where the text doesn't say."""

    credentials: TemporaryCredentials
    expires_at: datetime | None = None


class PasteRefused(Exception):
    """The text holds no usable temporary credentials. `code` is a remedy's where there is one."""

    def __init__(self, code: str, text: str | Promise) -> None:
        super().__init__(code)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return str(self.text)


def parse(text: str) -> Pasted:
    """The temporary credentials in a pasted text. Raises PasteRefused."""
    if len(text) > LONGEST_PASTE:
        raise PasteRefused("too_long", _("This is far longer than credentials are. Nothing was stored."))
    found = _from_json(text) or _from_lines(text)
    key_id = found.get(KEY_ID, "")
    if key_id.startswith("AKIA"):
        raise PasteRefused(
            "long_term_key",
            _(
                "This is a permanent key. It was not stored. Use temporary credentials or a role, and rotate "
                "this key now, as it has been pasted into a page."
            ),
        )
    missing = [words for name, words in _PARTS.items() if not found.get(name)]
    if missing:
        raise PasteRefused(
            "incomplete_credentials",
            _("Key id, secret key and session token are all required. Missing: %(parts)s.")
            % {"parts": ", ".join(str(words) for words in missing)},
        )
    if not re.fullmatch(r"ASIA[A-Z0-9]{12,124}", key_id):
        raise PasteRefused(
            "not_temporary_credentials", _("The key id of temporary credentials begins with ASIA.")
        )
    credentials = TemporaryCredentials(
        access_key_id=key_id, secret_access_key=found[SECRET], session_token=found[TOKEN]
    )
    return Pasted(credentials, _expiry(found.get(EXPIRY, "")))


_PARTS = {KEY_ID: _("the key id"), SECRET: _("the secret key"), TOKEN: _("the session token")}


def _from_json(text: str) -> dict[str, str]:
    """The parts in a JSON document, or in its member "Credentials"; empty when it is none."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return {}
    try:
        document = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return {}
    inner = document.get("Credentials", document.get("roleCredentials", document))
    return _known(inner) if isinstance(inner, dict) else {}


def _from_lines(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    last = ""
    for line in _ASSIGNMENTS.sub("\n", text).splitlines():
        match = _LINE.match(line)
        if match and _part_named(match["name"]):
            last = match["name"]
            parts[last] = match["value"]
        elif last and _CONTINUATION.fullmatch(line):
            # A terminal broke a long token over several lines.
            parts[last] += line
    return _known(parts)


def _known(parts: dict[str, Any]) -> dict[str, str]:
    known: dict[str, str] = {}
    for name, value in parts.items():
        part = _part_named(name)
        if part and isinstance(value, str | int):
            # Line breaks and blanks come from copying: no part contains any.
            known.setdefault(part, re.sub(r"\s+", "", str(value)).strip("\"'`,;"))
    return known


def _part_named(name: object) -> str | None:
    """Which part a name in any of the spellings means; None for all other names."""
    return _NAMES.get(re.sub(r"[^a-z]", "", str(name).lower()))


def _expiry(text: str) -> datetime | None:
    """When the credentials end: ISO 8601, or milliseconds since 1970 as Identity Center has it."""
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else None
