"""What may an owner come upon beside the straight way? Questions, failures, ways out: `make tour` goes there.

Each is an account of its own at the stand-in, with whatever goes wrong there planted as the tests do it.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto

from playwright.sync_api import Page

from demo.stack import Stack
from tests.end_to_end import acts

ASKING, ASKING_NAME = "345678901234", "Web Performance"
FAILING, FAILING_NAME = "515151515151", "Add-ons Review"
EXPIRING, EXPIRING_NAME = "616161616161", "Telemetry"
BY_HAND, BY_HAND_NAME = "717171717171", "Localization"
LEAVING, LEAVING_NAME = "818181818181", "Release Engineering"
IN_GERMAN, IN_GERMAN_NAME = "919191919191", "Firefox for Fun"
CLOUDFORMATION = "cloudformation.amazonaws.com"

# What a page's address may name.
Names = Mapping[str, str]


class Moment(Enum):
    """Where beside the way."""

    ASKED = auto()
    FAILED = auto()
    EXPIRED = auto()
    BY_HAND = auto()
    BY_HAND_BEGUN = auto()
    CANCELLED = auto()
    UNDOING = auto()
    INVITED = auto()
    ALL = auto()
    LOST = auto()
    GERMAN = auto()


def walk(page: Page, stack: Stack) -> Iterator[tuple[Moment, Page, Names]]:
    """Signed in as the owner; at each moment the page, and what addresses may name."""
    yield from _questions(page, stack)
    yield from _failures(page, stack)
    yield from _expired(page, stack)
    yield from _by_hand(page, stack)
    yield from _out_again(page, stack)
    page.goto(stack.address)
    yield Moment.ALL, page, {}
    page.goto(f"{stack.address}/runs/00000000-0000-0000-0000-000000000000/")
    yield Moment.LOST, page, {}
    stack.cloud.scenario("old-stack", account=IN_GERMAN)
    acts.register(page, stack, IN_GERMAN, IN_GERMAN_NAME)
    run = _hand_over(page, stack, IN_GERMAN, "planned")
    page.get_by_role("button", name="Deutsch").click()
    page.locator("html[lang=de]").wait_for()
    yield Moment.GERMAN, page, {"number": IN_GERMAN, "run": run}


def invitation(page: Page, guest: Page, stack: Stack, number: str) -> Iterator[tuple[Moment, Page, Names]]:
    """What somebody sees who was invited by the owner whose page it is, and has never been here."""
    page.goto(f"{stack.address}/aws/{number}/people/")
    page.fill("input[name=email]", "colleague@example.org")
    page.locator("main button.is-first").click()
    page.get_by_text("colleague@example.org").first.wait_for()
    mails = stack.processes.log("web").read_text(encoding="utf-8").replace("=\n", "")
    link = re.findall(r"/invitation/[\w:-]+/", mails)[-1]
    guest.goto(stack.address + link)
    yield Moment.INVITED, guest, {"number": number}


def _questions(page: Page, stack: Stack) -> Iterator[tuple[Moment, Page, Names]]:
    """Trails of the owner's own, and more than the role in the old stack."""
    stack.cloud.scenario("old-stack-with-extra-resources", account=ASKING)
    acts.register(page, stack, ASKING, ASKING_NAME)
    yield Moment.ASKED, page, {"number": ASKING, "run": _hand_over(page, stack, ASKING, "needs_owner")}


def _failures(page: Page, stack: Stack) -> Iterator[tuple[Moment, Page, Names]]:
    """CloudTrail refuses one region's trail."""
    stack.cloud.account(FAILING, name=FAILING_NAME)
    fault = stack.cloud.fault(
        kind="refuse",
        principal=CLOUDFORMATION,
        service="cloudtrail",
        action="CreateTrail",
        region="eu-north-1",
        account=FAILING,
        code="AccessDenied",
        message="User: arn:aws:sts::515151515151:assumed-role/portal is not authorized to perform: "
        "cloudtrail:CreateTrail with an explicit deny in a service control policy",
    )
    acts.register(page, stack, FAILING, FAILING_NAME)
    run = _hand_over(page, stack, FAILING, "planned")
    page.goto(f"{stack.address}/runs/{run}/plan/")
    acts.approve(page)
    page.locator("[data-run-status=partly_done]").wait_for(timeout=240_000)
    yield Moment.FAILED, page, {"number": FAILING, "run": run}
    stack.cloud.clear_faults(fault)


def _expired(page: Page, stack: Stack) -> Iterator[tuple[Moment, Page, Names]]:
    stack.cloud.account(EXPIRING, name=EXPIRING_NAME)
    acts.register(page, stack, EXPIRING, EXPIRING_NAME)
    keys = acts.credentials_from_the_console(page, stack, EXPIRING)
    fault = stack.cloud.fault(kind="expired", account=EXPIRING)
    page.goto(f"{stack.address}/aws/{EXPIRING}/hand-over/credentials/")
    page.fill("textarea[name=pasted]", keys)
    page.locator("main button.is-first").click()
    page.locator("[data-run-status=needs_access]").wait_for()
    yield Moment.EXPIRED, page, {"number": EXPIRING, "run": _run_of(page)}
    stack.cloud.clear_faults(fault)


def _by_hand(page: Page, stack: Stack) -> Iterator[tuple[Moment, Page, Names]]:
    stack.cloud.account(BY_HAND, name=BY_HAND_NAME)
    acts.register(page, stack, BY_HAND, BY_HAND_NAME)
    page.goto(f"{stack.address}/aws/{BY_HAND}/by-hand/")
    yield Moment.BY_HAND, page, {"number": BY_HAND}
    page.goto(f"{stack.address}/aws/{BY_HAND}/by-hand/")
    page.locator("button[value=begin]").click()
    page.get_by_role("link", name="To the run").first.click()
    page.locator("[data-run-status=needs_owner]").wait_for()
    yield Moment.BY_HAND_BEGUN, page, {"number": BY_HAND, "run": _run_of(page)}


def _out_again(page: Page, stack: Stack) -> Iterator[tuple[Moment, Page, Names]]:
    """Cancelled while regions are being made, and then undone."""
    stack.cloud.account(LEAVING, name=LEAVING_NAME)
    # Or all would be over before anybody can cancel.
    fault = stack.cloud.fault(
        kind="throttle", service="cloudtrail", action="GetTrailStatus", region="us-*", account=LEAVING
    )
    acts.register(page, stack, LEAVING, LEAVING_NAME)
    run = _hand_over(page, stack, LEAVING, "planned")
    page.goto(f"{stack.address}/runs/{run}/plan/")
    acts.approve(page)
    page.locator(".board .is-creating, .board .is-logging").first.wait_for(timeout=120_000)
    page.goto(f"{stack.address}/runs/{run}/cancel/")
    page.locator("main button.is-dangerous").click()
    stack.cloud.clear_faults(fault)
    page.get_by_role("link", name="Leave it, or undo it").wait_for(timeout=180_000)
    yield Moment.CANCELLED, page, {"number": LEAVING, "run": run}
    page.goto(f"{stack.address}/runs/{run}/leave-as-is/")
    page.locator("main button.is-dangerous").click()
    page.locator("[data-run-status=planned]").wait_for()
    yield Moment.UNDOING, page, {"number": LEAVING, "run": _run_of(page)}
    page.goto(f"{stack.address}/runs/{_run_of(page)}/plan/")
    acts.approve(page)
    page.locator("[data-run-status=cancelled]").wait_for(timeout=180_000)


def _hand_over(page: Page, stack: Stack, number: str, until: str) -> str:
    """With a role made at the console; answers the run's id once it is so far."""
    page.goto(f"{stack.address}/aws/{number}/hand-over/")
    acts.create_role_at_the_console(page, stack, number)
    page.locator("main button.is-first").click()
    page.locator(f"[data-run-status={until}]").wait_for(timeout=120_000)
    return _run_of(page)


def _run_of(page: Page) -> str:
    return page.url.partition("/runs/")[2].partition("/")[0]
