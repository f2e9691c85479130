"""Who asked for what, and was it allowed? Every AWS call that reached the stand-in, newest last.

Holds neither secrets nor bodies. Tests read it to prove that nothing was written; trails deliver from it.
"""

import itertools
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.calls import Call

KEPT = 200_000

# The user agent of those who seed: what they do is no part of the story.
SEEDING = "sandbox-seeding"


@dataclass(frozen=True, slots=True)
class Entry:
    """One answered call. `error` is empty when it was carried out; `number` only grows."""

    number: int
    time: float
    request_id: str
    service: str
    action: str
    writes: bool
    region: str
    account: str
    principal: str
    access_key_id: str
    stack: str
    resource: str
    user_agent: str
    status: int
    error: str
    fault: str

    def document(self) -> dict[str, Any]:
        """The entry as plain JSON values, with `allowed` spelled out."""
        return {**asdict(self), "allowed": not self.error}


_entries: deque[Entry] = deque(maxlen=KEPT)
_lock = threading.Lock()
_last_number = 0


def record(call: Call, *, status: int, error: str, fault: str = "") -> None:
    """Remember an answered call. `fault` names what was done to it on demand."""
    global _last_number  # noqa: PLW0603 - one process, one cloud
    if SEEDING in call.user_agent:
        return
    with _lock:
        _last_number += 1
        _entries.append(
            Entry(
                number=_last_number,
                time=call.received_at,
                request_id=call.request_id,
                service=call.service,
                action=call.action,
                writes=call.writes,
                region=call.region,
                account=call.account,
                principal=call.principal,
                access_key_id=call.access_key_id,
                stack=call.stack,
                resource=call.resource,
                user_agent=call.user_agent,
                status=status,
                error=error,
                fault=fault,
            )
        )


def entries(*, account: str | None = None, after: int = 0) -> Sequence[Entry]:
    """What was asked since entry number `after`, of one account or of all: the caller's account."""
    with _lock:
        if after >= _last_number:
            return []
        # Numbers are without gaps, so the tail is found without reading what is older.
        newest = list(itertools.islice(reversed(_entries), _last_number - after))
    return [e for e in reversed(newest) if account is None or e.account == account]


def last_number() -> int:
    """The number of the newest entry: what to pass as `after` to see only what follows."""
    return _last_number


def clear() -> None:
    """Forget all entries; numbers go on."""
    with _lock:
        _entries.clear()
