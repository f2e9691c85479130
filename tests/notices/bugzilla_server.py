"""A real HTTP server that behaves as Bugzilla's REST API is documented to, and fails as servers do."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "made-up-api-key-canary"
BUG = 1002


@dataclass
class Bugzilla:
    url: str
    comments: list[str] = field(default_factory=list)
    # (method, path, whether the right key was sent in the header)
    requests: list[tuple[str, str, bool]] = field(default_factory=list)
    # What the next requests of a method meet instead of an answer, in order.
    faults: dict[str, list[Callable[["Handler"], bool]]] = field(default_factory=dict)

    def next_fails(self, method: str, *faults: "Callable[[Handler], bool]") -> None:
        self.faults.setdefault(method, []).extend(faults)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bugzilla: Bugzilla

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        has_key = self.headers.get("X-BUGZILLA-API-KEY") == KEY
        self.bugzilla.requests.append((method, self.path, has_key))
        self.body = body
        pending = self.bugzilla.faults.get(method, [])
        if pending and pending.pop(0)(self):
            return
        path = urlsplit(self.path)
        if not has_key:
            self.answer(400, {"error": True, "code": 306, "message": f"The API key {KEY} is invalid."})
        elif path.path != f"/tracker/rest/bug/{BUG}/comment":
            self.answer(404, {"error": True, "code": 101, "message": "Bug does not exist."})
        elif method == "GET":
            assert parse_qs(path.query)["new_since"][0].endswith("Z")
            told = [{"id": n, "bug_id": BUG, "text": text} for n, text in enumerate(self.bugzilla.comments)]
            self.answer(200, {"bugs": {str(BUG): {"comments": told}}, "comments": {}})
        else:
            self.comment()
            self.answer(201, {"id": len(self.bugzilla.comments)})

    def comment(self) -> None:
        assert self.headers["Content-Type"] == "application/json"
        assert isinstance(self.body, dict)
        assert set(self.body) == {"comment"}
        self.bugzilla.comments.append(self.body["comment"])

    def answer(self, status: int, content: Any, **headers: str) -> None:
        written = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(written)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(written)

    def hang_up(self) -> None:
        self.close_connection = True


def says(status: int, content: Any, **headers: str) -> Callable[[Handler], bool]:
    def fault(handler: Handler) -> bool:
        handler.answer(status, content, **headers)
        return True

    return fault


def hangs_up(handler: Handler) -> bool:
    handler.hang_up()
    return True


def comments_and_hangs_up(handler: Handler) -> bool:
    """The answer is lost; what was asked for is done."""
    handler.comment()
    handler.hang_up()
    return True


def is_slow(handler: Handler) -> bool:
    time.sleep(1)
    return False


def drips(handler: Handler) -> bool:
    """A byte now and then, each in time: the whole would take for ever."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(100):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            break
        time.sleep(0.05)
    handler.hang_up()
    return True


@contextmanager
def serving() -> Iterator[Bugzilla]:
    """At a path of its own, as a Bugzilla beside other things is."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bugzilla = Bugzilla(f"http://127.0.0.1:{server.server_port}/tracker")
    server.RequestHandlerClass = type("Here", (Handler,), {"bugzilla": bugzilla})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield bugzilla
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
