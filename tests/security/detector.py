"""Does a secret lie where it must not? Marks, the forms in which they may hide, and where to look."""

import base64
import html
import json
import re
import socket
import sqlite3
import subprocess
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, quote_plus, urlsplit

import redis

# A log may cut a long value short: parts of a token are as good as all of it.
PART = 24


def forms_of(secret: str) -> set[bytes]:
    """The secret as it may stand in a text: as it is, and as encoders of all kinds leave it."""
    length = len(secret)
    parts = {secret} if length <= 2 * PART else {secret[start : start + PART] for start in _starts(length)}
    forms: set[bytes] = set()
    for part in parts:
        raw = part.encode()
        forms |= {
            raw,
            quote(part, safe="").encode(),
            quote_plus(part).encode(),
            html.escape(part).encode(),
            json.dumps(part)[1:-1].encode(),
            json.dumps(part)[1:-1].replace("/", "\\/").encode(),
            raw.hex().encode(),
            *_in_base64(raw),
        }
    return forms


def _starts(length: int) -> tuple[int, ...]:
    # Not the very beginning, which tokens of one kind share.
    return (PART // 2, length // 2 - PART // 2, length - PART)


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """What stays the same in base64 whatever stands before and after, for each of the three alignments."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)
        core = encoded[-(-before * 8 // 6) + (1 if before else 0) : len(encoded) - 4]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")


@dataclass(frozen=True, slots=True)
class Marks:
    """What must be found nowhere, by a name that may be shown."""

    secrets: Mapping[str, str]

    def found_in(self, places: Mapping[str, bytes]) -> list[str]:
        """Where a mark was found: "the token of … in worker.log". Never shows the secret."""
        found = []
        for name, secret in self.secrets.items():
            forms = forms_of(secret)
            found += [
                f"{name} in {place}"
                for place, content in places.items()
                if any(form in content for form in forms)
            ]
        return found


class Wiretap:
    """Everything that is said to a Redis while it is open, as `MONITOR` tells it."""

    def __init__(self, url: str) -> None:
        self._address = (urlsplit(url).hostname or "127.0.0.1", urlsplit(url).port or 6379)
        self._url = url
        self.heard = bytearray()

    def __enter__(self) -> Self:
        self._line = socket.create_connection(self._address)
        self._line.sendall(b"MONITOR\r\n")
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.shutdown(socket.SHUT_RDWR)
        self._listener.join(5)
        self._line.close()

    def _listen(self) -> None:
        while heard := self._line.recv(65536):
            self.heard += heard

    def kept(self) -> bytes:
        """Every key and value that Redis holds now."""
        client: Any = redis.Redis.from_url(self._url)
        content = bytearray()
        for key in client.scan_iter():
            content += key + b" " + _value(client, key) + b"\n"
        client.close()
        return bytes(content)


def _value(client: Any, key: bytes) -> bytes:
    match client.type(key):
        case b"string":
            return client.get(key) or b""
        case b"list":
            return b" ".join(client.lrange(key, 0, -1))
        case b"set":
            return b" ".join(client.smembers(key))
        case b"hash":
            return b" ".join(word for pair in client.hgetall(key).items() for word in pair)
        case b"zset":
            return b" ".join(client.zrange(key, 0, -1))
        case _:
            return b""


def database_of(path: Path) -> dict[str, bytes]:
    """The database's files as they lie on the disk, and all of its rows as text."""
    with closing(sqlite3.connect(path, timeout=20)) as database:
        dump = "\n".join(without_external_ids(database.iterdump()))
        sessions = [row[0] for row in database.execute("SELECT session_data FROM django_session")]
    return files_of(path) | {
        "the dump": dump.encode(),
        "the sessions": b"\n".join(_session(data) for data in sessions),
    }


def files_of(path: Path) -> dict[str, bytes]:
    """A SQLite database's file and its logs, byte by byte.

    Read by another process: closing such a file takes away the locks that SQLite has on it in this one.
    """
    found = {}
    for file in path.parent.glob(f"{path.name}*"):
        read = subprocess.run(["cat", file], capture_output=True, check=False)
        # A log goes with the last who has the database open: then there is nothing to search.
        if file.exists():
            read.check_returncode()
            found[file.name] = read.stdout
    return found


def _session(data: str) -> bytes:
    """What Django keeps of a session: signed JSON, compressed when that is shorter."""
    payload = data.lstrip(".").partition(":")[0]
    content = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return zlib.decompress(content) if data.startswith(".") else content


def without_external_ids(lines: Iterable[str]) -> Iterator[str]:
    """An ExternalId belongs into one column of one table, and is hidden there from the search."""
    for line in lines:
        if line.startswith('INSERT INTO "onboarding_awsaccount"'):
            yield re.sub(r"onb-[0-9a-f]{40}", "(its ExternalId)", line, count=1)
        else:
            yield line


def logs_of(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir() if file.is_file()}
