"""How does one sealed record hold the one before it? By a MAC under a key that the web side has not.

The key is HMAC-SHA256's. Its id is part of a digest of it, so that a record says under which key it was
sealed: the first key of `settings.AUDIT_KEYS` seals, the others still verify what they sealed.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

# What the first record follows.
START = ""


class NoAuditKey(Exception):
    """AUDIT_KEYS is missing or not what it should be. Only the worker and the auditor have it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys by their ids; `sealing` is the id of the one that seals."""

    by_id: Mapping[str, bytes]
    sealing: str

    def __repr__(self) -> str:
        return f"Keys({', '.join(self.by_id)})"


def keys() -> Keys:
    """From the settings; in development from the developer's file. Raises NoAuditKey."""
    encoded = list(settings.AUDIT_KEYS)
    if not encoded and settings.AUDIT_DEVELOPMENT_FILE is not None:
        encoded = [settings.AUDIT_DEVELOPMENT_FILE.read_text()]
    by_id = {key_id(key): key for key in map(_key, encoded)}
    if not by_id:
        raise NoAuditKey("AUDIT_KEYS is empty here: only the worker and the auditor have it.")
    return Keys(by_id, sealing=next(iter(by_id)))


def _key(encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 32:
        raise NoAuditKey("A key in AUDIT_KEYS isn't 32 bytes in Base64.") from None
    return key


def key_id(key: bytes) -> str:
    return hashlib.sha256(b"audit key id:" + key).hexdigest()[:12]


def link(key: bytes, previous: str, sequence: int, encoded: str) -> str:
    """The MAC of the record at `sequence`, which follows the one whose MAC is `previous`."""
    return hmac.digest(key, f"record;{previous};{sequence};{encoded}".encode(), "sha256").hex()


def prove_head(key: bytes, sequence: int, mac: str, at: datetime) -> str:
    """The MAC that makes a head the sealer's own, so that nobody else can write one down."""
    return hmac.digest(key, f"head;{sequence};{mac};{at.isoformat()}".encode(), "sha256").hex()
