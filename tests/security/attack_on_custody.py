"""A program, run with one process's environment alone: can it open what lies sealed in the database?

Every 32 bytes within reach are tried as the private key: of the environment, the settings, the files that the
process may read, the database, Redis, and what can be derived from the secret key.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import django
import redis
from django.conf import settings
from django.db import connection
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

ROOT = Path(__file__).resolve().parents[2]


def texts() -> Iterator[bytes]:
    """Whatever the process can read."""
    yield from (value.encode() for value in os.environ.values())
    yield from (repr(getattr(settings, name, "")).encode() for name in dir(settings))
    database = Path(settings.DATABASES["default"]["NAME"])
    files = list(database.parent.glob(f"{database.name}*"))
    for folder in ("portal", "onboarding", "demo"):
        files += (ROOT / folder).rglob("*.py")
    files += [file for file in ROOT.glob("*") if file.is_file() and file.stat().st_size < 10**6]
    yield from (file.read_bytes() for file in files)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                yield from (value if isinstance(value, bytes) else str(value).encode() for value in row)
    broker = redis.Redis.from_url(settings.REDIS_URL)
    yield from (key + b" " + (broker.dump(key) or b"") for key in broker.scan_iter())


def candidates() -> set[bytes]:
    """What could be the key: 32 bytes each."""
    secret = settings.SECRET_KEY.encode()
    found = {bytes(32), b"\xff" * 32, secret[:32], hashlib.sha512(secret).digest()[:32]}
    found.add(hashlib.blake2b(secret, digest_size=32).digest())
    for text in texts():
        found.add(hashlib.sha256(text).digest())
        found |= {bytes.fromhex(word.decode()) for word in re.findall(rb"[0-9a-f]{64}", text)}
        for word in re.findall(rb"[A-Za-z0-9+/_-]{42,44}=?=?", text):
            with suppress(ValueError):
                found.add(base64.b64decode(word.replace(b"-", b"+").replace(b"_", b"/") + b"==")[:32])
    return {candidate for candidate in found if len(candidate) == 32}


def opens(candidate: bytes, box: bytes) -> bool:
    try:
        SealedBox(PrivateKey(candidate)).decrypt(box)
    except CryptoError:
        return False
    return True


def main() -> None:
    django.setup()
    from onboarding.custody import keys
    from onboarding.models import Grant

    print(f"settings hold {len(keys.private_keys())} private keys")
    boxes = [bytes(grant.sealed or b"") for grant in Grant.objects.exclude(sealed=None)]
    tried = candidates()
    opened = sum(opens(candidate, box) for candidate in tried for box in boxes)
    print(f"tried={len(tried)} boxes={len(boxes)} opened={opened}")


if __name__ == "__main__":
    main()
