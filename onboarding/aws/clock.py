"""How far is this machine's clock from AWS's? Heard from the Date header of each answer.

AWS refuses what is signed more than five minutes off. Kept per process, whole seconds only, as the header is.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

_offsets: list[timedelta] = []


def listen(*, http_response: Any = None, **_rest: Any) -> None:
    """Give this to a client's `after-call` event."""
    told = str(getattr(http_response, "headers", {}).get("date") or "")
    try:
        theirs = parsedate_to_datetime(told)
    except ValueError:
        return
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    _offsets[:] = [theirs - datetime.now(UTC)]


def offset() -> timedelta | None:
    """AWS's time minus ours, by the last answer; None before the first."""
    return _offsets[-1] if _offsets else None
