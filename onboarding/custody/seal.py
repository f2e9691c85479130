"""Who can lock an owner's access away? Anyone with the public key; opening it is the worker's (`unseal`).

A libsodium sealed box. The account's number and the grant's id lie inside with the access, so that a box
copied to another grant's row is recognised when it is opened.
"""

import hashlib
import json
from binascii import Error as Base64Error

from nacl.encoding import Base64Encoder
from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from onboarding.credentials import HandedOver, RoleHandOver


class PublicKeyUnusable(Exception):
    """CUSTODY_PUBLIC_KEY is no base64 of 32 bytes. Never shows the value."""


def seal(handed_over: HandedOver, *, account_number: str, grant_id: int, public_key: str) -> bytes:
    """The access in a box that only the holder of the private key opens. `public_key` is base64."""
    content: dict[str, str | int] = {"account_number": account_number, "grant_id": grant_id}
    if isinstance(handed_over, RoleHandOver):
        content |= {"role_arn": handed_over.role_arn, "external_id": handed_over.external_id}
    else:
        content |= {
            "access_key_id": handed_over.access_key_id,
            "secret_access_key": handed_over.secret_access_key,
            "session_token": handed_over.session_token,
        }
    return SealedBox(_key(public_key)).encrypt(json.dumps(content).encode())


def key_id(public_key: str) -> str:
    """Names a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(bytes(_key(public_key))).hexdigest()[:16]


def _key(public_key: str) -> PublicKey:
    try:
        return PublicKey(public_key.encode(), encoder=Base64Encoder)
    except (CryptoError, ValueError, TypeError, Base64Error):
        raise PublicKeyUnusable("CUSTODY_PUBLIC_KEY must be the base64 of 32 bytes.") from None
