"""Which private keys does this process hold? Only the worker asks; the web side must not, and has none."""

from binascii import Error as Base64Error

from django.conf import settings
from nacl.encoding import Base64Encoder
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey


def private_keys() -> list[str]:
    """Base64, the preferred one first; in development the one of the developer's file."""
    if settings.CUSTODY_DEVELOPMENT_FILE is not None:
        return [settings.CUSTODY_DEVELOPMENT_FILE.read_text()]
    return list(settings.CUSTODY_PRIVATE_KEYS)


class PrivateKeyUnusable(Exception):
    """One of CUSTODY_PRIVATE_KEYS is no base64 of 32 bytes. Never shows the value."""


def public_half(private_key: str) -> str:
    """The public key that belongs to a private one, both in base64. Raises PrivateKeyUnusable."""
    try:
        private = PrivateKey(private_key.encode(), encoder=Base64Encoder)
    except (CryptoError, ValueError, TypeError, Base64Error):
        raise PrivateKeyUnusable("CUSTODY_PRIVATE_KEYS must hold the base64 of 32 bytes each.") from None
    return private.public_key.encode(Base64Encoder).decode()


def new_pair() -> tuple[str, str]:
    """A new private key and its public half."""
    private = PrivateKey.generate().encode(Base64Encoder).decode()
    return private, public_half(private)
