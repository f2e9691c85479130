"""Under which request id did AWS answer? Heard on the thread that asked, and kept for it."""

import threading

from onboarding.aws.session import AnsweredCall

_heard = threading.local()


def listen(call: AnsweredCall) -> None:
    """Give this to a session as its listener."""
    _heard.last = call


def forget() -> None:
    _heard.last = None


def last() -> AnsweredCall | None:
    """The last answer that this thread got since it last forgot."""
    call: AnsweredCall | None = getattr(_heard, "last", None)
    return call
