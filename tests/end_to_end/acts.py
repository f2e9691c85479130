"""What does an owner do with a browser, at the portal and at the stand-in's console?"""

import re

from playwright.sync_api import Page, expect

from demo.people import OWNER
from demo.stack import Stack


def sign_in(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.address}/accounts/login/")
    page.fill("input[name=login]", OWNER.email)
    page.fill("input[name=password]", OWNER.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile(r"^(?!.*/accounts/login).*$"))


def register(page: Page, stack: Stack, number: str, name: str) -> None:
    page.goto(f"{stack.address}/register/")
    page.fill("input[name=number]", number)
    page.fill("input[name=name]", name)
    page.fill("input[name=contact_email]", OWNER.email)
    page.fill("input[name=ticket_url]", "https://tickets.example.org/1002")
    page.get_by_role("button", name="Register, and go on").click()
    expect(page).to_have_url(f"{stack.address}/aws/{number}/hand-over/")


def create_role_at_the_console(page: Page, stack: Stack, number: str) -> None:
    """In a second tab, as the wizard says: the template that it offers, with the values that it shows."""
    template = page.request.get(f"{stack.address}/aws/{number}/hand-over/template.yaml").text()
    external_id = page.locator("#external-id").text_content() or ""
    until = page.locator("#expires-at").text_content() or ""
    console = page.context.new_page()
    console.goto(f"{stack.cloud.url}/_sandbox/")
    console.locator(f"a[href$='/accounts/{number}']").first.click()
    console.fill("#template", template)
    console.fill("#external_id", external_id)
    console.fill("#expires_at", until)
    console.get_by_role("button", name="Create the role").click()
    expect(console.locator("[role=status]")).to_contain_text("CREATE_COMPLETE")
    console.close()


def credentials_from_the_console(page: Page, stack: Stack, number: str) -> str:
    """The lines that the console shows, to be pasted."""
    console = page.context.new_page()
    console.goto(f"{stack.cloud.url}/_sandbox/console/accounts/{number}")
    console.get_by_role("button", name="Get credentials").click()
    lines = console.locator("#exports").inner_text()
    console.close()
    return lines


def approve(page: Page) -> None:
    """As the plan stands on the page, each deletion ticked."""
    for tick in page.locator("input[name=tick]").all():
        tick.check()
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]+/$"))


def states(page: Page) -> dict[str, str]:
    """The state of each region as the board shows it now."""
    found: dict[str, str] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('[id^="cell-"]')].map(cell => [
             cell.id.slice(5), [...cell.classList].find(name => /^is-(?!turning)/.test(name)).slice(3)]))"""
    )
    return found


def run_status(page: Page) -> str:
    return page.locator("[data-run-status]").get_attribute("data-run-status") or ""
