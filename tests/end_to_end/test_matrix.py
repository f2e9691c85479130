"""Does the whole wizard work for everybody, and does axe find nothing on any page on the way?

By mouse and by keyboard, without JavaScript, on a telephone and on a desk, in light and dark, on a slow line,
in each language.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from demo.owner import Owner
from demo.people import OWNER
from demo.stack import Stack
from onboarding.progress.places import PLACES
from sandbox.client import Sandbox
from tests.end_to_end import acts
from tests.surveys import old_template

pytestmark = pytest.mark.end_to_end

# One line for each language that the pages are written in.
LANGUAGES = ("en", "de")
WIDE, NARROW = (1440, 900), (360, 740)


@dataclass(frozen=True, slots=True)
class Mode:
    """How somebody uses the portal."""

    name: str
    size: tuple[int, int] = WIDE
    scheme: str = "light"
    has_script: bool = True
    has_mouse: bool = True
    is_slow: bool = False


MODES = (
    Mode("mouse"),
    Mode("keyboard-in-the-dark", scheme="dark", has_mouse=False),
    Mode("telephone", size=NARROW),
    Mode("without-javascript", has_script=False),
    Mode("telephone-in-the-dark-without-javascript", size=NARROW, scheme="dark", has_script=False),
    Mode("slow-line", is_slow=True),
)
# A tenth of what is usual: 1 Mbit/s, and half a second there and back.
SLOW = {"offline": False, "latency": 500, "downloadThroughput": 125_000, "uploadThroughput": 125_000}


@dataclass(slots=True)
class Walker:
    """Somebody with a browser, who goes from page to page as their mode allows."""

    page: Page
    mode: Mode
    stack: Stack
    language: str
    # Beside a page without scripts, one with.
    reader: Page | None

    def go(self, path: str) -> None:
        self.page.goto(f"{self.stack.address}{path}")

    def choose(self, selector: str) -> None:
        """Follow a link, press a button or tick a box."""
        target = self.page.locator(selector).first
        if self.mode.has_mouse:
            target.click()
            return
        self.tab_to(target)
        self.page.keyboard.press("Space" if target.get_attribute("type") == "checkbox" else "Enter")

    def type(self, name: str, words: str) -> None:
        target = self.page.locator(f"[name={name}]")
        if self.mode.has_mouse:
            target.fill(words)
            return
        self.tab_to(target)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(words)

    def tab_to(self, target: Locator) -> None:
        """By the tabulator alone, and where one is can be seen."""
        node = target.element_handle()
        for _ in range(120):
            if self.page.evaluate("node => node === document.activeElement", node):
                outline = self.page.evaluate("node => getComputedStyle(node).outlineStyle", node)
                assert outline != "none", f"focus can't be seen on {target}"
                return
            self.page.keyboard.press("Tab")
        pytest.fail(f"The tabulator never comes to {target}\n{self.page.url}")

    def look(self, name: str) -> None:
        """The page as it is now: its language, title and width are right, and axe finds nothing."""
        root = self.page.locator("html")
        assert (root.get_attribute("lang") or "").startswith(self.language)
        assert self.page.title()
        wide, results = self._read()
        assert wide <= 0, f"{name} scrolls sideways by {wide} px: {self.page.url}"
        assert results.violations_count == 0, f"{name}: {self.page.url}\n{results.generate_report()}"

    def _read(self) -> tuple[int, AxeResults]:
        """By how much the page is too wide, and what axe says."""
        page = self.page if self.mode.has_script else self._copy()
        page.wait_for_load_state()
        wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return wide, Axe().run(page)

    def _copy(self) -> Page:
        """What somebody without JavaScript sees, where axe, which is a script, can look at it."""
        assert self.reader is not None
        shown = re.sub(r'</?noscript>|<meta http-equiv="refresh"[^>]*>', "", self.page.content())
        self.reader.unroute_all()
        self.reader.route("**/*.js", lambda route: route.fulfill(body=""))
        self.reader.route(
            self.page.url, lambda route: route.fulfill(body=shown, content_type="text/html; charset=utf-8")
        )
        self.reader.goto(self.page.url)
        return self.reader

    def wait_for(self, status: str) -> None:
        self.page.locator(f"[data-run-status={status}]").wait_for(timeout=180_000)


@pytest.fixture
def walker(request: pytest.FixtureRequest, chromium: Browser, stack: Stack) -> Iterator[Walker]:
    mode, language = request.param
    settings: dict[str, Any] = {
        "viewport": {"width": mode.size[0], "height": mode.size[1]},
        "color_scheme": mode.scheme,
        "java_script_enabled": mode.has_script,
        "locale": language,
    }
    context = chromium.new_context(**settings)
    context.set_default_timeout(40_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # A breach of the content security policy is told here too.
    page.on(
        "console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None
    )
    if mode.is_slow:
        context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)
    reading = chromium.new_context(**settings | {"java_script_enabled": True})
    yield Walker(page, mode, stack, language, None if mode.has_script else reading.new_page())
    reading.close()
    context.close()
    assert complaints == []


def number_of(mode: Mode, language: str) -> str:
    return f"{7000 + 100 * LANGUAGES.index(language) + MODES.index(mode):012}"


@pytest.mark.parametrize(
    "walker",
    [
        pytest.param((mode, language), id=f"{mode.name}-{language}")
        for language in LANGUAGES
        for mode in MODES
    ],
    indirect=True,
)
def test_the_whole_wizard(walker: Walker) -> None:
    number = number_of(walker.mode, walker.language)
    walker.stack.cloud.account(number, name="Made for a walk")
    leave_old_stack(walker.stack, number)
    sign_in(walker)
    register(walker, number)
    hand_over(walker, number)
    run = approve(walker)
    walker.wait_for("verified")
    walker.look("verified")
    for path in ("aws/", "plan/", "approval/", "hand-over-role/"):
        walker.go(f"{run}{path}")
        walker.look(path)
    for path in ("logs/", "people/", "audit/", "start-again/"):
        walker.go(f"/aws/{number}/{path}")
        walker.look(path)


def leave_old_stack(stack: Stack, number: str) -> None:
    """What the new roles replace, as its owner once made it."""
    Owner(stack.cloud, number).client("cloudformation", "sa-east-1").create_stack(
        StackName="opsec-security-audit-role", TemplateBody=old_template(), Capabilities=["CAPABILITY_IAM"]
    )


def sign_in(walker: Walker) -> None:
    walker.go("/")
    walker.look("front")
    walker.choose("main a.is-first")
    walker.look("sign in")
    walker.type("login", OWNER.email)
    walker.type("password", OWNER.password)
    walker.choose("main button.is-first")
    expect(walker.page.locator("main h1")).to_be_visible()
    walker.page.wait_for_url(re.compile(r"^(?!.*/accounts/login).*$"))
    walker.look("accounts")


def register(walker: Walker, number: str) -> None:
    """With a mistake first: what was right stays, what was wrong is told twice, beside it and above."""
    walker.go("/register/")
    walker.look("register")
    walker.type("name", "Kept through the mistake")
    walker.type("number", "12345")
    walker.choose("main button.is-first")
    expect(walker.page.locator(".error-summary a")).to_have_attribute("href", "#id_number")
    expect(walker.page.locator("#id_number_error")).to_be_visible()
    expect(walker.page.locator("[name=name]")).to_have_value("Kept through the mistake")
    walker.look("register with a mistake")
    walker.type("number", number)
    walker.choose("main button.is-first")
    walker.page.wait_for_url(f"**/aws/{number}/hand-over/")


def hand_over(walker: Walker, number: str) -> None:
    page = walker.page
    walker.look("hand over a role")
    walker.choose(".stepper a")
    walker.look("details")
    walker.type("name", "Renamed on the way")
    walker.choose("main button.is-first")
    expect(page.locator(".page-header .over")).to_contain_text("Renamed on the way")
    walker.choose(".ways a:not([aria-current])")
    walker.look("hand over credentials")
    walker.choose("main button.is-first")
    expect(page.locator(".error-summary")).to_be_visible()
    walker.look("hand over nothing")
    walker.choose(".ways a:not([aria-current])")
    acts.create_role_at_the_console(page, walker.stack, number)
    walker.choose("main button.is-first")
    page.wait_for_url("**/runs/**")
    walker.wait_for("planned")
    walker.look("planned")


def approve(walker: Walker) -> str:
    """Without the deletion's tick first. Returns the run's address."""
    page = walker.page
    walker.choose("#next-act")
    page.wait_for_url("**/plan/")
    walker.look("plan")
    run = page.url.removeprefix(walker.stack.address).removesuffix("plan/")
    walker.go(f"{run}cancel/")
    walker.look("cancel")
    walker.go(f"{run}approval/")
    walker.look("plan to be printed")
    walker.go(f"{run}plan/")
    walker.choose("#approval button.is-first")
    expect(page.locator(".error-summary a")).to_be_visible()
    walker.look("plan without its tick")
    walker.choose("input[name=tick]")
    walker.choose("#approval button.is-first")
    page.wait_for_url(f"**{run}")
    # Or whatever it is by then: the work doesn't wait for those who look.
    walker.look("running")
    return run


def test_34_regions_stand_on_one_screen_without_scrolling(page: Page, stack: Stack) -> None:
    """While the work goes on; and on a telephone every cell can be read."""
    number = "343434343434"
    page.set_viewport_size({"width": 1440, "height": 900})
    make_everywhere(stack.cloud, number)
    acts.sign_in(page, stack)
    acts.register(page, stack, number, "Everywhere")
    acts.create_role_at_the_console(page, stack, number)
    page.get_by_role("button", name="Hand over").click()
    page.locator("[data-run-status=planned]").wait_for()
    page.locator("#next-act").click()
    acts.approve(page)
    page.locator("[data-run-status=running]").wait_for()
    cells = page.locator("[id^=cell-]")
    expect(cells).to_have_count(34)
    # All at one moment: what changes meanwhile is swapped.
    boxes = cells.evaluate_all("all => all.map(each => each.getBoundingClientRect().toJSON())")
    assert all(box["top"] >= 0 and box["bottom"] <= 900 for box in boxes), boxes
    assert all(box["left"] >= 0 and box["right"] <= 1440 for box in boxes), boxes
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440

    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for name in ("place", "code-name", "word"):
        sizes = page.eval_on_selector_all(
            f".board .{name}",
            """all => all.map(each => [
                 parseFloat(getComputedStyle(each).fontSize), each.scrollWidth - each.clientWidth])""",
        )
        assert all(size >= 12 for size, _ in sizes), name
        if name != "place":
            assert all(hidden <= 0 for _, hidden in sizes), name


def make_everywhere(cloud: Sandbox, number: str) -> None:
    """An account with every region enabled."""
    enabled = cloud.account(number, name="Everywhere", enabled_opt_in_regions=17)
    assert set(enabled) == set(PLACES)


def test_the_first_paint_waits_for_no_script(page: Page, stack: Stack) -> None:
    """Scripts that never come keep nobody from reading."""
    page.route("**/*.js", lambda _route: None)
    page.goto(stack.address, wait_until="commit")
    expect(page.locator("h1")).to_be_visible(timeout=5_000)
    painted = page.evaluate(
        """() => new Promise(done => new PerformanceObserver(list => done(list.getEntries()[0].startTime))
             .observe({type: "paint", buffered: true}))"""
    )
    assert painted > 0
