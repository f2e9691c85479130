"""Is an endpoint worth asking just now? One that stays silent is left alone for a while, by every run.

A call to a region that is down holds a worker's thread for all its time-outs, and many runs want to ask the
same region: without this, one dead region takes the threads of all others. What counts is silence, whoever
asked; any answer at all, a refusal too, proves that the endpoint is there. Kept per process: each finds out
for itself.
"""

import random
import threading
import time
from dataclasses import dataclass

# So many calls in a row without an answer, each after botocore's own attempts.
MOST_SILENCES = 5
PAUSE_SECONDS = 20.0
# One call may try again after a pause; if it never says how it went, the next may after this.
PROBE_SECONDS = 45.0

Endpoint = tuple[str, str]


@dataclass(slots=True)
class _Silence:
    calls: int = 0
    # When the next call may be made, on the monotonic clock; meaningless below MOST_SILENCES.
    asked_again_at: float = 0.0


_silences: dict[Endpoint, _Silence] = {}
_lock = threading.Lock()


def lets_pass(service: str, region: str) -> bool:
    """Whether the endpoint may be asked now. After each pause one call may, until it has told how it went."""
    with _lock:
        silence = _silences.get((service, region))
        if silence is None or silence.calls < MOST_SILENCES:
            return True
        now = time.monotonic()
        if now < silence.asked_again_at:
            return False
        silence.asked_again_at = now + PROBE_SECONDS
        return True


def heard(service: str, region: str) -> None:
    """The endpoint answered something."""
    with _lock:
        _silences.pop((service, region), None)


def silent(service: str, region: str) -> None:
    """A call had no answer."""
    with _lock:
        silence = _silences.setdefault((service, region), _Silence())
        silence.calls += 1
        if silence.calls >= MOST_SILENCES:
            # Not all processes and endpoints at the same moment.
            pause = PAUSE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads requests, hides nothing
            silence.asked_again_at = time.monotonic() + pause


def paused() -> tuple[Endpoint, ...]:
    """The endpoints that are left alone at present."""
    with _lock:
        return tuple(sorted(where for where, silence in _silences.items() if silence.calls >= MOST_SILENCES))


def forget() -> None:
    """Ask everything again at once."""
    with _lock:
        _silences.clear()
