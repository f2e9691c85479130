"""The whole stack, in processes of its own, for all tests that use it; and a browser, where there is one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from demo.stack import Options, Stack, running
from tests.browser import CHROMIUM_ARGUMENTS, find_chromium

# Fast, but slow enough that a person, or a test, can see a region wait.
SPEED = 60


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Web, worker, beat, Redis and the stand-in cloud with the demo's accounts."""
    directory: Path = tmp_path_factory.mktemp("stack")
    with running(Options(directory, speed=SPEED, poll_seconds=0.5)) as started:
        yield started


@pytest.fixture(autouse=True)
def _logs_of_the_stack(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a failure, what each process last wrote."""
    failed_before = request.session.testsfailed
    yield
    if "stack" in request.fixturenames and request.session.testsfailed > failed_before:
        request.getfixturevalue("stack").processes.print_tails()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("REQUIRE_ALL=1, and there is no Chromium on this machine.")
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # Playwright's loop stays in this thread, and nothing asynchronous asks the database in it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


def _page(chromium: Browser, **settings: Any) -> Iterator[Page]:
    """A page of a fresh visitor, on which an error in the console is a failure."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, **settings)
    context.set_default_timeout(20_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    yield from _page(chromium)


@pytest.fixture
def page_without_javascript(chromium: Browser) -> Iterator[Page]:
    yield from _page(chromium, java_script_enabled=False)
