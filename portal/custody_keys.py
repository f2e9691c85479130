"""`python -m portal.custody_keys`: a new key pair for custody, as lines for the environment.

The public key goes to every process, the private one to the worker alone. To change keys, put the new private
key before the old one, separated by a comma, until no grant is left that was sealed with the old.
"""

from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey


def main() -> None:
    private = PrivateKey.generate()
    print(f"CUSTODY_PUBLIC_KEY={private.public_key.encode(Base64Encoder).decode()}")  # noqa: T201
    print(f"CUSTODY_PRIVATE_KEYS={private.encode(Base64Encoder).decode()}")  # noqa: T201 - to its owner's terminal


if __name__ == "__main__":
    main()
