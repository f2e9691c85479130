"""Which private keys does this process hold? Only the worker asks; the web side must not, and has none."""

from django.conf import settings
from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey


def private_keys() -> list[str]:
    """Base64, the preferred one first; in development the one of the developer's file."""
    if settings.CUSTODY_DEVELOPMENT_FILE is not None:
        return [settings.CUSTODY_DEVELOPMENT_FILE.read_text()]
    return list(settings.CUSTODY_PRIVATE_KEYS)


def public_half(private_key: str) -> str:
    """The public key that belongs to a private one, both in base64."""
    return PrivateKey(private_key.encode(), encoder=Base64Encoder).public_key.encode(Base64Encoder).decode()


def new_pair() -> tuple[str, str]:
    """A new private key and its public half."""
    private = PrivateKey.generate().encode(Base64Encoder).decode()
    return private, public_half(private)
