"""`make tour`: what does the product look like? Walks it as owner and as infosec, and pictures each page.

The pictures go to docs/images/tour/ and, each with its words, into docs/tour.md. A new page is
one of `stops.STOPS`.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from demo.people import STAFF
from demo.stack import ROOT, Options, Stack, running
from tests.browser import CHROMIUM_ARGUMENTS, find_chromium
from tests.end_to_end import acts
from tests.tour import detours
from tests.tour.detours import Names
from tests.tour.palette import with_few_colours
from tests.tour.stops import STOPS, Moment, Stop

NUMBER, NAME = "484535289196", "Mozilla Community IT - 1002"
PICTURES = ROOT / "docs" / "images" / "tour"
WIDTH, HEIGHT = 1280, 800
# A picture shows a page's beginning: what is longer goes on below.
MOST_HEIGHT = 1600


def main() -> int:
    chromium = find_chromium()
    if chromium is None:
        sys.stderr.write("The tour needs Chromium. Name it: CHROMIUM=/path/to/chromium make tour\n")
        return 1
    directory = Path(tempfile.mkdtemp(prefix="tour-"))
    try:
        with (
            running(Options(directory, speed=20, poll_seconds=0.5)) as stack,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
            shutil.rmtree(PICTURES, ignore_errors=True)
            PICTURES.mkdir(parents=True)
            for moment, page, names in walk(browser, stack):
                take_pictures(browser, page, stack, moment, names)
            browser.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    (ROOT / "docs" / "tour.md").write_text(document(), encoding="utf-8")
    return 0


def walk(browser: Browser, stack: Stack) -> Iterator[tuple[Moment | detours.Moment, Page, Names]]:
    """The owner's way, then infosec's; at each moment the page, and what addresses may name."""
    names = {"number": NUMBER}
    with visitor(browser) as page:
        page.goto(stack.address)
        yield Moment.VISITOR, page, names
        acts.sign_in(page, stack)
        yield Moment.SIGNED_IN, page, names
        acts.register(page, stack, NUMBER, NAME)
        yield Moment.REGISTERED, page, names
        page.goto(f"{stack.address}/aws/{NUMBER}/hand-over/")
        acts.create_role_at_the_console(page, stack, NUMBER)
        page.locator("main button.is-first").click()
        page.locator("[data-run-status=planned]").wait_for()
        run = names["run"] = page.url.rstrip("/").rpartition("/")[2]
        yield Moment.PLANNED, page, names
        page.goto(f"{stack.address}/runs/{run}/plan/")
        acts.approve(page)
        # Some regions done, some not.
        page.locator(".board .is-logging").nth(5).wait_for(timeout=180_000)
        yield Moment.RUNNING, page, names
        page.locator("[data-run-status=verified]").wait_for(timeout=300_000)
        yield Moment.VERIFIED, page, names
        with visitor(browser) as guest:
            yield from detours.invitation(page, guest, stack, NUMBER)
        yield from detours.walk(page, stack)
    # The worker would take up the made-up fleet's runs.
    stack.processes.stop("beat")
    stack.processes.stop("worker")
    names |= made_up_fleet(stack)
    with visitor(browser) as page:
        page.goto(f"{stack.address}/accounts/login/")
        page.fill("input[name=login]", STAFF.email)
        page.fill("input[name=password]", STAFF.password)
        page.locator("main button.is-first").click()
        page.fill("input[name=code]", STAFF.code())
        page.locator("main button[type=submit]").first.click()
        page.wait_for_load_state()
        yield Moment.INFOSEC, page, names


def made_up_fleet(stack: Stack) -> dict[str, str]:
    """Put hundreds of accounts beside the one that was walked; answers what addresses may name."""
    command = [sys.executable, "-m", "tests.tour.fleet"]
    told = subprocess.run(
        command, cwd=ROOT, env=stack.environments["worker"], check=True, capture_output=True, text=True
    ).stdout
    # The last line: before it stands what the portal logs.
    names: dict[str, str] = json.loads(told.splitlines()[-1])
    return names


@contextmanager
def visitor(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def take_pictures(browser: Browser, page: Page, stack: Stack, moment: object, names: Names) -> None:
    for stop in STOPS:
        if stop.moment is not moment:
            continue
        if stop.path:
            page.goto(stack.address + stop.path.format(**names))
        picture = page.screenshot(full_page=True, clip=part_of(page, stop))
        (PICTURES / f"{stop.file}.png").write_bytes(with_few_colours(browser, picture))
        sys.stdout.write(f"{stop.file}\n")


def part_of(page: Page, stop: Stop) -> FloatRect:
    """The page's beginning; or what its address points to, when it names a part."""
    _path, _sharp, part = stop.path.partition("#")
    if part:
        box = page.locator(f"section:has(> #{part}), section:has(#{part})").first.bounding_box()
        assert box is not None
        top = box["y"] + page.evaluate("scrollY")
        return {"x": 0, "y": top - 24, "width": WIDTH, "height": min(box["height"] + 48, MOST_HEIGHT)}
    height: int = page.evaluate("document.documentElement.scrollHeight")
    return {"x": 0, "y": 0, "width": WIDTH, "height": max(HEIGHT, min(height, MOST_HEIGHT))}


def document() -> str:
    lines = [
        "# A tour",
        "",
        "Every page, as `make tour` found it: it starts the demo, walks it as owner and as infosec, and",
        "takes the pictures. Don’t change this file by hand.",
    ]
    for stop in STOPS:
        lines += ["", f"## {stop.title}", "", stop.words, "", f"![{stop.title}](images/tour/{stop.file}.png)"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
