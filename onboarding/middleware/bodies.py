"""How large may a request be? Refused before anything of it is kept.

Django's ASGI handler first writes the whole body to memory or disk and then looks at its size, and uvicorn
has no limit of its own: without this, anybody could fill the disk.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpResponse

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

# For a whole body to arrive. Whoever sends more slowly only wants to occupy a connection.
BODY_SECONDS = 30.0


# Whoever may send more has a cookie that says so: at the door nobody asks the database who somebody is.
TICKET = "large_body"
TICKET_SECONDS = 3600
LARGE_BODY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Larger:
    """The one page that takes more, from ticket holders alone."""

    path: str
    most_bytes: int


def give_ticket(response: HttpResponse, user_id: int, path: str) -> None:
    """For an hour, this browser may send a large body to `path`, and to no other."""
    response.set_cookie(
        TICKET,
        _signer().sign(str(user_id)),
        max_age=TICKET_SECONDS,
        path=path,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Strict",
    )


class SmallBodies:
    """An ASGI application in front of another: bodies of more than `most_bytes` get 413 and go no further."""

    def __init__(self, application: Application, *, most_bytes: int, larger: Larger | None = None) -> None:
        self._application = application
        self._most_bytes = most_bytes
        self._larger = larger

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        larger = self._larger
        is_large = larger is not None and scope["path"] == larger.path and _has_ticket(scope)
        most_bytes = larger.most_bytes if larger is not None and is_large else self._most_bytes
        try:
            async with asyncio.timeout(LARGE_BODY_SECONDS if is_large else BODY_SECONDS):
                messages = await self._body(scope, receive, most_bytes)
        except TimeoutError:
            await _refuse(send, 408, b"The request took too long to arrive.\n")
            return
        if messages is None:
            await _refuse(send, 413, b"The request is too large.\n")
            return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._application(scope, replay, send)

    async def _body(self, scope: dict[str, Any], receive: Receive, most_bytes: int) -> list[Message] | None:
        """All of the body, or None when there is more than is allowed."""
        if _declared_bytes(scope) > most_bytes:
            return None
        messages: list[Message] = []
        received = 0
        while True:
            message = await receive()
            messages.append(message)
            received += len(message.get("body", b""))
            if received > most_bytes:
                return None
            if message["type"] != "http.request" or not message.get("more_body"):
                return messages


def _declared_bytes(scope: dict[str, Any]) -> int:
    value = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(value) if value.isdigit() else 0


def _has_ticket(scope: dict[str, Any]) -> bool:
    sent = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    try:
        cookies = SimpleCookie(sent.decode("latin-1"))
        _signer().unsign(cookies[TICKET].value, max_age=TICKET_SECONDS)
    except (CookieError, KeyError, BadSignature):
        return False
    return True


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="onboarding.large_body")


async def _refuse(send: Send, status: int, words: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(words)).encode()),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})
