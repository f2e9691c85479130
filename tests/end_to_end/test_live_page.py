"""Does the live page stay true in a browser? Whatever happens to the line, the server, or the reader."""

# ruff: noqa: F401, F811 - the fixtures of the tests of views, imported and asked for by their names

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django import Settings

from onboarding.models import Run
from onboarding.models.history import move_run
from onboarding.states import RegionState, RunStatus
from tests.end_to_end.test_owner import assert_accessible
from tests.views.conftest import (
    _light_settings,
    account,
    browser,
    owner,
    planned,
    sign_in,
    staff,
    stranger,
    surveying,
)
from tests.views.test_stream import Server, read_region, redis_port, running, server

pytestmark = [pytest.mark.end_to_end, pytest.mark.django_db(transaction=True)]

RETRY_WITHIN_MILLISECONDS = 10_000


class Line:
    """A line to the server that can be cut, and that can swallow everything as a sleeping network does."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.open = threading.Event()
        self.open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.to))
                except OSError:
                    near.close()
                    continue
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.open.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    opened = Line(server.port)
    yield opened
    opened.open.set()
    opened.close()


@pytest.fixture
def context(chromium: Browser, browser: Client, line: Line, settings: Settings) -> Iterator[BrowserContext]:
    """A browser in which the owner is signed in, at the far end of the line."""
    opened = chromium.new_context(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(20_000)
    session = browser.cookies["sessionid"].value
    opened.add_cookies([{"name": "sessionid", "value": session, "url": f"http://127.0.0.1:{line.port}"}])
    yield opened
    opened.close()


def open_run(context: BrowserContext, line: Line, run: Run) -> Page:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{line.port}/runs/{run.pk}/")
    expect(page.locator("#connection")).to_have_class("connection is-live")
    page.evaluate("window.thisPageWasNotLoadedAgain = true")
    return page


def shows(page: Page, region: str, state: RegionState, *, within: int = 5_000) -> None:
    expect(page.locator(f"#cell-{region}.is-{state}")).to_be_attached(timeout=within)
    assert page.evaluate("window.thisPageWasNotLoadedAgain") is True


def test_a_change_is_swapped_in_and_what_the_reader_opened_and_holds_stays(
    context: BrowserContext,
    line: Line,
    running: Run,
) -> None:
    refused: list[str] = []
    page = open_run(context, line, running)
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    read_region(running, "us-east-1", RegionState.FAILED)
    shows(page, "us-east-1", RegionState.FAILED)
    page.locator("#region-table").evaluate("table => { table.open = false; }")
    page.locator("#cell-us-east-1 a").focus()
    read_region(running, "us-east-1", RegionState.LOGGING)
    shows(page, "us-east-1", RegionState.LOGGING)
    assert page.evaluate("document.activeElement.closest('[id]').id") == "cell-us-east-1"
    read_region(running, "us-west-2", RegionState.COVERED)
    shows(page, "us-west-2", RegionState.COVERED)
    assert page.locator("#region-table").evaluate("table => table.open") is False
    assert page.locator("[hx-swap-oob]").count() == 0
    assert_accessible(page)
    assert refused == []


def test_a_cut_line_is_told_and_mended_and_nothing_is_missed(
    context: BrowserContext,
    line: Line,
    running: Run,
) -> None:
    page = open_run(context, line, running)
    to, line.to = line.to, 1  # nobody listens there
    line.cut()
    expect(page.locator("#connection")).to_have_class("connection is-lost")
    expect(page.locator("#connection .words")).to_contain_text("Not live")
    read_region(running, "us-east-1", RegionState.COVERED)
    line.to = to
    shows(page, "us-east-1", RegionState.COVERED, within=RETRY_WITHIN_MILLISECONDS)
    expect(page.locator("#connection")).to_have_class("connection is-live")


def test_a_line_that_swallows_everything_is_known_by_its_silence(
    context: BrowserContext,
    line: Line,
    running: Run,
) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto(f"http://127.0.0.1:{line.port}/runs/{running.pk}/")
    expect(page.locator("#connection")).to_have_class("connection is-live")
    page.evaluate("window.thisPageWasNotLoadedAgain = true")
    line.open.clear()
    read_region(running, "us-east-1", RegionState.COVERED)
    page.clock.fast_forward("01:00")
    expect(page.locator("#connection")).to_have_class("connection is-lost")
    line.open.set()
    page.clock.fast_forward("00:05")
    page.clock.resume()
    shows(page, "us-east-1", RegionState.COVERED, within=RETRY_WITHIN_MILLISECONDS)
    expect(page.locator("#connection")).to_have_class("connection is-live")


def test_who_may_not_watch_any_more_is_told_and_led_to_the_sign_in(
    context: BrowserContext,
    line: Line,
    running: Run,
    browser: Client,
) -> None:
    page = open_run(context, line, running)
    browser.logout()
    line.cut()
    expect(page.locator("#connection")).to_have_class("connection is-gone")
    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()


def test_the_end_is_told_in_the_title_and_by_a_notification_to_who_asked_for_one(
    context: BrowserContext,
    line: Line,
    running: Run,
) -> None:
    context.grant_permissions(["notifications"])
    context.add_init_script(
        """window.told = [];
        window.Notification = class {
          static permission = "granted";
          static requestPermission = async () => "granted";
          constructor(title, options) { window.told.push([title, options.body]); }
        };
        Object.defineProperty(document, "hidden", { get: () => window.isAway === true });"""
    )
    page = open_run(context, line, running)
    bell = page.get_by_role("button", name="Tell me when there is news")
    bell.click()
    expect(page.get_by_role("button", name="You will be told when there is news")).to_be_visible()
    page.evaluate("window.isAway = true")
    read_region(running, "us-east-1", RegionState.CREATING)
    shows(page, "us-east-1", RegionState.CREATING)
    assert page.evaluate("window.told") == []
    move_run(running, RunStatus.FAILED, expect=[RunStatus.RUNNING], reason_code="unknown")
    expect(page.locator("#connection")).to_have_class("connection is-over")
    expect(page).to_have_title(f"Failed · {running.account.number} · Account onboarding")
    [[title, body]] = page.evaluate("window.told")
    assert title == page.title()
    assert body == page.locator("h1").inner_text()
    expect(page.locator("#announcement")).to_have_text(body)


def test_the_live_page_is_in_no_need_of_what_the_wall_forbids() -> None:
    """htmx's own style element and its evaluated attributes are switched off, as the policy refuses both."""
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    assert directives["script-src"] == ["'self'"]
    assert directives["style-src"] == ["'self'"]
