"""Can an owner click from sign-in to verified, and watch every region on the way?"""

import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from demo.owner import Owner
from demo.proof import claims, find_old_role
from demo.stack import COMPANY_FILE, Stack
from onboarding.company import load_company
from tests.end_to_end import acts

pytestmark = pytest.mark.end_to_end

ACCOUNT, NAME = "484535289196", "Mozilla Community IT - 1002"


def assert_accessible(page: Page) -> None:
    """axe finds nothing to complain of on the page as it is now."""
    results = Axe().run(page)
    assert results.violations_count == 0, f"{page.url}\n{results.generate_report()}"


def watch(page: Page, *, within_seconds: float) -> dict[str, list[str]]:
    """The states that each region went through until the run is verified, as this one page showed them."""
    seen: dict[str, list[str]] = {}
    deadline = time.monotonic() + within_seconds
    while True:
        # Before the regions: what changes between the two looks is then newer than the status, never older.
        status = acts.run_status(page)
        for region, state in acts.states(page).items():
            history = seen.setdefault(region, [])
            if not history or history[-1] != state:
                history.append(state)
        if status == "verified":
            return seen
        assert status in {"running", "verifying"}, page.locator("main").inner_text()
        assert time.monotonic() < deadline, page.locator("main").inner_text()
        page.wait_for_timeout(100)


def test_an_owner_clicks_from_sign_in_to_verified_and_sees_each_region_go_live(
    page: Page, stack: Stack
) -> None:
    company = load_company(COMPANY_FILE)
    owner = Owner(stack.cloud, ACCOUNT)
    old = find_old_role(owner, company)
    assert old is not None

    page.goto(stack.address)
    assert_accessible(page)
    acts.sign_in(page, stack)
    assert_accessible(page)
    page.goto(f"{stack.address}/register/")
    assert_accessible(page)
    acts.register(page, stack, ACCOUNT, NAME)
    assert_accessible(page)
    acts.create_role_at_the_console(page, stack, ACCOUNT)
    page.get_by_role("button", name="Hand over").click()

    # The live page goes on to the plan's link by itself.
    page.locator("[data-run-status=planned]").wait_for()
    assert_accessible(page)
    page.locator("#next-act").click()
    expect(page.locator("main")).to_contain_text(old.stack_name)
    assert_accessible(page)
    acts.approve(page)
    page.evaluate("window.thisPageWasNotLoadedAgain = true")
    assert_accessible(page)

    seen = watch(page, within_seconds=120)
    assert page.evaluate("window.thisPageWasNotLoadedAgain") is True
    enabled = owner.enabled_regions()
    wanted = {region: history for region, history in seen.items() if region in enabled}
    assert set(wanted) == set(enabled)
    for region, history in wanted.items():
        assert history[0] != "covered", region
        assert history[-1] == "covered", (region, history)
    assert any("creating" in history or "logging" in history for history in wanted.values())
    expect(page.get_by_role("heading", name="What was proven, from outside")).to_be_visible()
    assert_accessible(page)
    # On the live page, and on one that was loaded when all was over.
    for _ in range(2):
        page.locator("#aws-words summary").click()
        expect(page.locator("#aws-words table")).to_contain_text("cloudformation:CreateStack")
        page.reload()

    assert [str(claim) for claim in claims(owner, company, old) if not claim.holds] == []


def test_without_javascript_an_owner_finishes_with_pasted_credentials(
    page_without_javascript: Page, stack: Stack
) -> None:
    page = page_without_javascript
    number = "616161616161"
    stack.cloud.account(number, name="Another team")
    acts.sign_in(page, stack)
    acts.register(page, stack, number, "Another team")
    page.get_by_role("link", name="With temporary credentials").click()
    page.fill("textarea[name=pasted]", acts.credentials_from_the_console(page, stack, number))
    page.get_by_role("button", name="Hand over").click()

    # The page loads itself again every few seconds.
    page.locator("[data-run-status=planned]").wait_for(timeout=40_000)
    page.locator("#next-act").click()
    acts.approve(page)
    page.locator("[data-run-status=verified]").wait_for(timeout=120_000)
    owner = Owner(stack.cloud, number)
    company = load_company(COMPANY_FILE)
    assert [str(claim) for claim in claims(owner, company, None) if not claim.holds] == []
