"""Who can open what was sealed? Only the worker, which holds private keys; the web never imports this."""

import json
from binascii import Error as Base64Error
from collections.abc import Sequence

from nacl.encoding import Base64Encoder
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from onboarding.credentials import HandedOver, RoleHandOver, TemporaryCredentials


class SealUnreadable(Exception):
    """No private key opens it, or what lies inside was sealed for another grant. Never shows the content."""


def unseal(sealed: bytes, *, account_number: str, grant_id: int, private_keys: Sequence[str]) -> HandedOver:
    """Open a sealed hand-over. `private_keys` are base64; older ones open older boxes.

    Raises SealUnreadable, also when the box was sealed for another account or grant.
    """
    content = _open(bytes(sealed), private_keys)
    if content.get("account_number") != account_number or content.get("grant_id") != grant_id:
        raise SealUnreadable("This was sealed for another grant; it isn't used.")
    if "role_arn" in content:
        return RoleHandOver(role_arn=str(content["role_arn"]), external_id=str(content["external_id"]))
    return TemporaryCredentials(
        access_key_id=str(content["access_key_id"]),
        secret_access_key=str(content["secret_access_key"]),
        session_token=str(content["session_token"]),
    )


def _open(sealed: bytes, private_keys: Sequence[str]) -> dict[str, str | int]:
    for private_key in private_keys:
        try:
            plain = SealedBox(PrivateKey(private_key.encode(), encoder=Base64Encoder)).decrypt(sealed)
        except (CryptoError, ValueError, TypeError, Base64Error):
            continue
        content = json.loads(plain)
        if isinstance(content, dict):
            return content
    raise SealUnreadable("None of CUSTODY_PRIVATE_KEYS opens this hand-over.")
