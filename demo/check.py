"""`make demo-check`: one whole onboarding through the web pages, and then the question whether it is true.

Starts a copy of its own, so that it may run beside `make demo`. Exit 0 only when the portal calls the account
verified and the stand-in cloud, asked with boto3, agrees in every region.
"""

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from demo.owner import Owner
from demo.people import OWNER
from demo.processes import DidNotStart
from demo.proof import claims, find_old_role
from demo.stack import COMPANY_FILE, Options, Stack, running
from demo.visitor import PageRefused, Visitor
from onboarding.company import Company, load_company

ACCOUNT, ACCOUNT_NAME = "484535289196", "Mozilla Community IT - 1002"
TICKET = "https://tickets.example.org/1002"
LOOK_EVERY_SECONDS = 0.3
WITHIN_SECONDS = 120


class NotFinished(Exception):
    """The run stopped before its end, or took too long. The text holds what the page said."""


BEGAN = time.monotonic()


def say(words: str) -> None:
    print(f"{time.monotonic() - BEGAN:5.1f} s  {words}", flush=True)


def hand_over(visitor: Visitor, owner: Owner, company: Company) -> None:
    """Register the account, create the offered role as its owner would, and hand it over."""
    visitor.visit("/register/")
    details = {"number": ACCOUNT, "name": ACCOUNT_NAME, "contact_email": OWNER.email, "ticket_url": TICKET}
    visitor.send("/register/", **details)
    page = f"/aws/{ACCOUNT}/hand-over/"
    template = visitor.visit(f"{page}template.yaml")
    owner.create_hand_over_role(
        template, region=company.home.regions[0], stack_name=company.portal.handover_stack_name
    )
    visitor.visit(page)
    visitor.send(page, role_arn=visitor.field("role_arn"))


def approve(visitor: Visitor, run: str) -> None:
    """The plan as its page shows it, each deletion ticked."""
    visitor.visit(f"{run}plan/")
    visitor.send(f"{run}approve/", digest=visitor.field("digest"), tick=visitor.fields("tick"))


def status_of(page: str) -> str:
    """The run's status, as the page tells it to programs."""
    found = re.search(r'data-run-status="([a-z_]+)"', page)
    return found[1] if found else ""


def wait_for(visitor: Visitor, run: str, *wanted: str, on_the_way: tuple[str, ...]) -> str:
    """Look at the run's page until it has one of the wanted statuses."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while (status := status_of(visitor.visit(run))) not in wanted:
        if status not in on_the_way or time.monotonic() > deadline:
            raise NotFinished(f"The run is {status or 'without a status'}.\n{visitor.words()}")
        time.sleep(LOOK_EVERY_SECONDS)
    return status


def onboard(visitor: Visitor, owner: Owner, company: Company) -> None:
    """From sign-in to verified, page by page."""
    visitor.sign_in(OWNER)
    hand_over(visitor, owner, company)
    run = visitor.address
    say(f"Handed over: {run}")
    wait_for(visitor, run, "planned", on_the_way=("draft", "surveying"))
    say("Plan read; approving it.")
    approve(visitor, run)
    wait_for(visitor, run, "verified", on_the_way=("running", "verifying"))
    say("The portal calls it verified.")


def check(stack: Stack) -> bool:
    company = load_company(COMPANY_FILE)
    owner = Owner(stack.cloud, ACCOUNT)
    old = find_old_role(owner, company)
    say(f"Before: {f'the old stack {old.stack_name} in {old.region}' if old else 'no old stack'}")
    onboard(Visitor(stack.address), owner, company)
    found = claims(owner, company, old)
    for claim in found:
        say(str(claim))
    return old is not None and all(claim.holds for claim in found)


def main() -> int:
    directory = Path(tempfile.mkdtemp(prefix="demo-check-"))
    options = Options(directory, speed=100, poll_seconds=0.5)
    try:
        with running(options) as stack:
            say(f"Started: {stack.address}")
            try:
                is_true = check(stack)
            except (NotFinished, PageRefused, RuntimeError) as error:
                say(f"{error}")
                is_true = False
            if not is_true:
                stack.processes.print_tails()
    except DidNotStart as error:
        say(str(error))
        return 1
    if is_true:
        shutil.rmtree(directory, ignore_errors=True)
    say("demo-check: passed" if is_true else f"demo-check: FAILED; logs in {directory}")
    return 0 if is_true else 1


if __name__ == "__main__":
    sys.exit(main())
