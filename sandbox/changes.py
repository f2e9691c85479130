"""When did which stack come into which status? For whoever measures how soon it is noticed."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 400_000


@dataclass(frozen=True, slots=True)
class Change:
    """`time` is real, in epoch seconds; `number` only grows."""

    number: int
    time: float
    account: str
    region: str
    stack: str
    status: str

    def document(self) -> dict[str, Any]:
        return asdict(self)


_changes: deque[Change] = deque(maxlen=KEPT)
_numbers = itertools.count(1)
_lock = threading.Lock()


def record(stack_id: str, status: str) -> None:
    """Note that this stack has come into this status now."""
    _arn, _aws, _service, region, account, path = stack_id.split(":", 5)
    with _lock:
        _changes.append(Change(next(_numbers), time.time(), account, region, path.split("/")[1], status))


def listed(*, account: str | None = None, after: int = 0, status: str | None = None) -> Sequence[Change]:
    """The changes since number `after`, oldest first."""
    with _lock:
        known = list(_changes)
    return [
        change
        for change in known
        if change.number > after
        and (account is None or change.account == account)
        and (status is None or change.status == status)
    ]


def clear() -> None:
    """Forget all of them; numbers go on."""
    with _lock:
        _changes.clear()
