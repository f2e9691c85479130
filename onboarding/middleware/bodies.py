"""How large may a request be? Refused before anything of it is kept.

Django's ASGI handler first writes the whole body to memory or disk and then looks at its size, and uvicorn
has no limit of its own: without this, anybody could fill the disk.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

# For a whole body to arrive. Whoever sends more slowly only wants to occupy a connection.
BODY_SECONDS = 30.0


class SmallBodies:
    """An ASGI application in front of another: bodies of more than `most_bytes` get 413 and go no further."""

    def __init__(self, application: Application, *, most_bytes: int) -> None:
        self._application = application
        self._most_bytes = most_bytes

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                messages = await self._body(scope, receive)
        except TimeoutError:
            await _refuse(send, 408, b"The request took too long to arrive.\n")
            return
        if messages is None:
            await _refuse(send, 413, b"The request is too large.\n")
            return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._application(scope, replay, send)

    async def _body(self, scope: dict[str, Any], receive: Receive) -> list[Message] | None:
        """All of the body, or None when there is more than is allowed."""
        if _declared_bytes(scope) > self._most_bytes:
            return None
        messages: list[Message] = []
        received = 0
        while True:
            message = await receive()
            messages.append(message)
            received += len(message.get("body", b""))
            if received > self._most_bytes:
                return None
            if message["type"] != "http.request" or not message.get("more_body"):
                return messages


def _declared_bytes(scope: dict[str, Any]) -> int:
    value = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(value) if value.isdigit() else 0


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
