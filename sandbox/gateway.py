"""What happens to a request on its way to ministack and back?

In this order: the control API and the console; latency; faults on demand; regions that are not enabled;
credentials that may not do this; actions that are not offered; then ministack. Everything is logged.
"""

import asyncio
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any

from sandbox import control, credentials, faults, regions, request_log, settings, shortcut, unknown
from sandbox.calls import Call, read_call
from sandbox.faults import Fault
from sandbox.refusals import Refusal, answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# The answers of custom resources, and what Lambda functions fetch: ministack's own errands, no AWS calls.
_ERRANDS = ("/_ministack/cfn-response/", "/_ministack/lambda", "/_ministack/health")

_ERROR_CODE = re.compile(rb'<Code>([^<]+)</Code>|"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"')


def _header(headers: Any, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")


def _error_code(status: int, headers: Any, body: bytes) -> str:
    if status < 400:
        return ""
    named = _header(headers, b"x-amzn-errortype")
    if named:
        return named.split(":")[0]
    found = _ERROR_CODE.search(body[:4000])
    return (found.group(1) or found.group(2)).decode() if found else f"HTTP{status}"


def abort(send: Any) -> None:
    """Break the connection below HTTP: hypercorn hands its applications a method of the stream, the stream
    holds its protocol, and that the server which owns the socket."""
    server = send.__self__.send.__self__.send.__self__
    transport = server.writer.transport
    raw = transport.get_extra_info("socket")
    # Linger of zero seconds: the kernel sends RST instead of FIN.
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _read_body(receive: Receive) -> bytes | None:
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return pending.pop() if pending else await receive()

    return again


async def _respond(
    send: Send, status: int, headers: dict[str, str], body: bytes, *, skew: float = 0.0
) -> None:
    if not any(name.lower() == "date" for name in headers):
        headers = {**headers, "Date": formatdate(time.time() + skew, usegmt=True)}
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _refusal(call: Call) -> Refusal | None:
    for judge in (regions.refusal, credentials.refusal, unknown.refusal):
        found = judge(call)
        if found is not None:
            return found
    return None


async def _play(fault: Fault, call: Call, send: Send) -> bool:
    """Play what happens before the call is carried out; True when that was all there is to answer."""
    if fault.milliseconds:
        await asyncio.sleep(fault.milliseconds / 1000)
    if fault.kind == "reset":
        request_log.record(call, status=0, error="ConnectionReset", fault=fault.kind)
        abort(send)
        return True
    if fault.kind == "unparseable":
        request_log.record(call, status=200, error="Unparseable", fault=fault.kind)
        await _respond(send, 200, {"Content-Type": "text/html"}, b"<html><body><p>It works!<br></body>")
        return True
    found = faults.refusal(fault, call)
    if found is None:
        return False
    request_log.record(call, status=found.status, error=found.code, fault=fault.kind)
    status, headers, body = answer(call, found)
    await _respond(send, status, headers, body, skew=fault.skew_seconds)
    return True


async def _carry_out(
    application: Application, call: Call, fault: Fault | None, scope: Scope, receive: Receive, send: Send
) -> None:
    seen: dict[str, Any] = {"status": 500, "headers": [], "body": b""}
    lost = fault is not None and fault.kind == "answer-lost"

    async def watch(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            seen["status"], seen["headers"] = message["status"], message.get("headers", [])
            if fault is not None and fault.skew_seconds:
                shifted = formatdate(time.time() + fault.skew_seconds, usegmt=True).encode()
                kept = [(k, v) for k, v in seen["headers"] if k.lower() != b"date"]
                message = {**message, "headers": [*kept, (b"date", shifted)]}
        elif len(seen["body"]) < 4000:
            seen["body"] += message.get("body", b"")
        if not lost:
            await send(message)

    try:
        await application(scope, receive, watch)
    finally:
        shortcut.learn(call, status=seen["status"])
        request_log.record(
            call,
            status=seen["status"],
            fault=fault.kind if fault else "",
            error=_error_code(seen["status"], seen["headers"], seen["body"]),
        )
    if lost:
        abort(send)


async def _answer_at_once(call: Call, body: bytes, send: Send) -> None:
    status, headers, content = await shortcut.answer(call, body)
    request_log.record(call, status=status, error=_error_code(status, headers.items(), content))
    await _respond(send, status, headers, content)


async def _serve(application: Application, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
    """The whole way of an AWS call."""
    call = read_call(scope, body)
    fault = faults.next_for(call)
    if fault is not None and await _play(fault, call, send):
        return
    found = _refusal(call)
    if found is not None:
        request_log.record(call, status=found.status, error=found.code)
        await _respond(send, *answer(call, found))
        return
    await _carry_out(application, call, fault, scope, _replay(body, receive), send)


def wrap(application: Application) -> Application:
    """The application with everything of ours around it."""

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith(_ERRANDS):
            await application(scope, receive, send)
            return
        body = await _read_body(receive)
        if body is None:
            return
        if path == "/_sandbox" or path.startswith("/_sandbox/"):
            await _respond(send, *await control.handle(scope, body))
            return
        if path.startswith(("/_ministack", "/_localstack", "/health")):
            await _respond(send, 404, {"Content-Type": "application/json"}, b'{"error": "See /_sandbox/"}')
            return
        if settings.current().latency_ms:
            await asyncio.sleep(settings.current().latency_ms / 1000)
        quick = shortcut.read(scope, body)
        if quick is not None:
            await _answer_at_once(quick, body, send)
            return
        await _serve(application, scope, receive, send, body)

    return gateway
