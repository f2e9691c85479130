"""Which writes did AWS answer, under which request ids? Heard on the thread that asked, and kept for it."""

import threading

from onboarding.aws.session import AnsweredCall

_READING = ("Assume", "Describe", "Get", "Head", "List")

_heard = threading.local()


def listen(call: AnsweredCall) -> None:
    """Give this to a session as its listener."""
    if call.http_status < 300 and not call.operation.startswith(_READING):
        _heard.writes = (*writes(), call)


def forget() -> None:
    _heard.writes = ()


def writes() -> tuple[AnsweredCall, ...]:
    """The writes that AWS accepted from this thread since it last forgot."""
    heard: tuple[AnsweredCall, ...] = getattr(_heard, "writes", ())
    return heard
