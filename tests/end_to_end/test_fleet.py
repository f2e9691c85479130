"""Does infosec find its way through the fleet with a browser: wide, narrow, light, dark, by keyboard?"""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from onboarding.models import AccountSummary, Member, StaffRole
from tests.views.conftest import prove

pytestmark = [pytest.mark.end_to_end, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def portal(transactional_db: None, settings: Settings, request: pytest.FixtureRequest) -> tuple[str, str]:
    """The address of a portal with a made-up fleet, and the session of an operator in it."""
    # Before the server is made: no static files were collected.
    settings.WHITENOISE_AUTOREFRESH = True
    live_server: LiveServer = request.getfixturevalue("live_server")
    call_command("seed_fleet", accounts=150, owners=9, seed=3, verbosity=0)
    operator = User.objects.create_user("operator", "operator@example.org")
    Member.objects.create(user=operator, role=StaffRole.OPERATOR)
    client = Client()
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    prove(client, operator, second_factor=True)
    return live_server.url, str(client.session.session_key)


@pytest.fixture(params=[(1440, "light"), (360, "dark")], ids=["wide-light", "narrow-dark"])
def desk(
    request: pytest.FixtureRequest, chromium: Browser, portal: tuple[str, str]
) -> Iterator[tuple[Page, str]]:
    """A page on which an error in the console, or a report of the content policy, is a failure."""
    width, scheme = request.param
    yield from _desk(chromium, portal, width=width, scheme=scheme)


def _desk(
    chromium: Browser, portal: tuple[str, str], *, width: int, scheme: str
) -> Iterator[tuple[Page, str]]:
    address, session = portal
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield page, address
    context.close()
    assert errors == []


def test_every_page_is_accessible_and_as_wide_as_the_window(desk: tuple[Page, str]) -> None:
    page, address = desk
    broken = AccountSummary.objects.filter(state="partly")[0]
    for path in (
        "/fleet/",
        "/fleet/accounts/?coverage=uncovered",
        "/fleet/map/?coverage=uncovered",
        f"/fleet/accounts/{broken.number}/",
        f"/fleet/accounts/{broken.number}/history/",
        "/fleet/failures/",
        f"/fleet/failures/{broken.remedy}/retry/",
    ):
        page.goto(f"{address}{path}")
        expect(page.locator("h1")).to_have_count(1)
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_the_three_questions_of_the_night_take_fewer_than_three_clicks(desk: tuple[Page, str]) -> None:
    page, address = desk
    page.goto(f"{address}/")  # where infosec lands
    page.get_by_role("link", name=re.compile("With uncovered regions")).click()
    expect(page.get_by_role("heading", name=re.compile(r"^\d+ accounts?$"))).to_be_visible()
    page.goto(f"{address}/")
    page.get_by_role("link", name=re.compile("Broke in 24 hours")).click()
    expect(page.get_by_role("heading", level=1, name="Accounts")).to_be_visible()
    page.goto(f"{address}/")
    page.locator("section[aria-labelledby=broken] .lines-what a").first.click()
    expect(page.get_by_role("heading", name="Whom to call")).to_be_visible()
    expect(page.locator("section[aria-labelledby=people] a[href^='mailto:']").first).to_be_visible()


def test_what_was_done_in_an_account_opens_in_its_page(desk: tuple[Page, str]) -> None:
    page, address = desk
    broken = AccountSummary.objects.filter(state="partly")[0]
    page.goto(f"{address}/fleet/accounts/{broken.number}/")
    page.get_by_text("Runs, hand-overs and stacks").click()
    expect(page.get_by_role("heading", name="Hand-overs")).to_be_visible()
    expect(page.locator("[data-way]")).to_have_count(0)
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_map_is_walked_with_the_keyboard_down_to_a_cells_story(
    chromium: Browser, portal: tuple[str, str]
) -> None:
    for page, address in _desk(chromium, portal, width=1440, scheme="light"):
        page.goto(f"{address}/fleet/map/?state=partly")
        # All cells together are one stop of the Tab key.
        assert page.locator("td.on-map a[tabindex='0']").count() == 1
        page.locator("td.on-map a[tabindex='0']").focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowRight"):
            page.keyboard.press(key)
        region = page.evaluate("document.activeElement.hash")
        assert re.fullmatch(r"#[a-z]{2}-[a-z]+-\d", region)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/fleet/accounts/\d{12}/#"))
        expect(page.locator(f"tr{region}")).to_be_visible()


def test_an_operator_starts_a_cluster_again_and_it_is_gone(
    chromium: Browser, portal: tuple[str, str]
) -> None:
    for page, address in _desk(chromium, portal, width=1440, scheme="light"):
        page.goto(f"{address}/fleet/failures/")
        page.get_by_role("link", name=re.compile(r"^Start \d+ again")).first.click()
        page.get_by_role("button", name="Start them again").click()
        expect(page.locator("body")).to_contain_text("started again")
