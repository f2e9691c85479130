"""Can an engineer of infosec do their desk's work in any browser: ask, import, act on many, upgrade?

In light and dark, and by keyboard; axe finds nothing on the way.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from onboarding.models import AccountSummary, Member, StaffRole
from onboarding.services import accounts, desk
from onboarding.services.batches import work
from onboarding.services.bulk import ACTS
from tests.end_to_end.test_matrix import NARROW, WIDE
from tests.end_to_end.test_owner import assert_accessible
from tests.services.test_importing import long_list
from tests.views.conftest import SignIn, _light_settings, owner, sign_in
from tests.views.test_stream import Server, redis_port, server

__all__ = ["_light_settings", "owner", "redis_port", "server", "sign_in"]

pytestmark = [pytest.mark.end_to_end, pytest.mark.django_db(transaction=True)]

# Where pictures of each page go, for who wants to look at them.
PICTURES = os.environ.get("PICTURES", "")


@dataclass(frozen=True, slots=True)
class Mode:
    name: str
    size: tuple[int, int] = WIDE
    scheme: str = "light"


MODES = (
    Mode("desk-in-the-dark", scheme="dark"),
    Mode("desk"),
    Mode("desk-on-a-phone", size=NARROW),
)


@dataclass(slots=True)
class Desk:
    page: Page
    mode: Mode
    address: str

    def go(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")

    def tab_to(self, selector: str, key: str = "Tab") -> None:
        """With the Tab key alone, to what shows that it is focused."""
        for _ in range(80):
            self.page.keyboard.press(key)
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                outline = self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", selector
                return
        pytest.fail(f"The tabulator never comes to {selector}")

    def look(self, name: str) -> None:
        """axe finds nothing, and nothing scrolls sideways."""
        # What is there before its style sheets is as wide as it likes.
        self.page.wait_for_load_state()
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / f"{name}-{self.mode.name}.png", full_page=True)
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name} scrolls sideways by {wide} px"
        assert_accessible(self.page)


@pytest.fixture
def operator(db: None) -> User:
    user = User.objects.create_user("operator", "operator@example.org")
    Member.objects.create(user=user, role=StaffRole.OPERATOR)
    return user


@pytest.fixture
def at_desk(
    request: pytest.FixtureRequest,
    chromium: Browser,
    operator: User,
    sign_in: SignIn,
    server: Server,
) -> Iterator[Desk]:
    mode: Mode = request.param
    settings: dict[str, Any] = {
        "viewport": {"width": mode.size[0], "height": mode.size[1]},
        "color_scheme": mode.scheme,
    }
    context = chromium.new_context(**settings)
    context.set_default_timeout(30_000)
    session = sign_in(operator).cookies["sessionid"].value
    address = f"http://127.0.0.1:{server.port}"
    context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # A breach of the content security policy is told here too.
    page.on(
        "console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None
    )
    yield Desk(page, mode, address)
    context.close()
    assert complaints == []


def work_now() -> None:
    work(ACTS, until=timezone.now() + timedelta(hours=1))


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile(name)).first.click()


@pytest.mark.parametrize("at_desk", MODES, ids=lambda mode: mode.name, indirect=True)
def test_owners_are_asked_and_a_list_is_taken_in(
    at_desk: Desk, operator: User, owner: User, tmp_path: Path
) -> None:
    page = at_desk.page
    owned = accounts.register(
        owner, number="484535289196", name="Community IT", contact_email="o@example.org"
    )
    AccountSummary.objects.filter(pk=owned.pk).update(blueprint_digest="a" * 64, blueprint_version="2020.1")
    for path, name in (
        ("/fleet/invitations/", "invitations-none"),
        ("/fleet/invitations/new/", "ask"),
        ("/fleet/import/", "import"),
        ("/fleet/blueprint/", "blueprint"),
    ):
        at_desk.go(path)
        at_desk.look(name)
    at_desk.go("/fleet/import/")
    listed = tmp_path / "accounts.csv"
    # Longer than any other form may be: the door lets it in on this page.
    heading, *lines = long_list(150, 60).splitlines()
    listed.write_text("\n".join([f"{heading},comment", *(f"{line},{'x' * 500}" for line in lines)]))
    assert listed.stat().st_size > 100_000
    page.set_input_files("input[type=file]", listed)
    page.get_by_label("Ask the owners by mail").check()
    press(page, "Judge the list")
    expect(page.locator("h1")).to_contain_text("150 accounts")
    at_desk.look("judged")
    press(page, "Take in")
    expect(page.locator("h1")).to_contain_text("of 210 done with")
    work_now()
    # The page finds out by itself.
    expect(page.locator("h1")).to_have_text("Done for 150 accounts")
    at_desk.look("taken-in")
    at_desk.go("/fleet/invitations/")
    at_desk.look("invitations")
    at_desk.go("/fleet/invitations/?state=unasked")
    at_desk.look("unasked")


@pytest.mark.parametrize("at_desk", MODES, ids=lambda mode: mode.name, indirect=True)
def test_what_is_done_with_many_accounts_and_with_one(at_desk: Desk, operator: User, owner: User) -> None:
    page = at_desk.page
    owned, *_others = [
        accounts.register(owner, number=number, name=f"Community {number}", contact_email="o@example.org")
        for number in ("484535289196", "484535289197", "484535289198")
    ]
    desk.tag(operator, [owned], "prod")
    at_desk.go("/fleet/accounts/")
    page.locator("input[name=number]").nth(1).check()
    page.locator("input[name=number]").nth(2).check()
    page.locator("#bulk-tag").fill("wave-1")
    at_desk.look("accounts")
    page.locator("button[name=act][value=tag]").click()
    expect(page.locator("h1")).to_have_text("Will be done for 2 accounts")
    at_desk.look("bulk")
    at_desk.go("/fleet/accounts/")
    page.get_by_text("With the selected accounts").click()
    page.locator("input[name=all]").check()
    page.locator("button[name=act][value=remind]").click()
    expect(page.locator("h1")).to_contain_text("Will be done for")
    at_desk.look("bulk-remind")

    at_desk.go("/fleet/accounts/?tag=prod&column=state&column=tags&column=assigned")
    page.get_by_text("Save this view").click()
    page.locator("#view-name").fill("Production")
    press(page, "^Save$")
    expect(page.get_by_role("link", name="Production", exact=True)).to_have_attribute("aria-current", "true")
    at_desk.look("views")

    at_desk.go("/fleet/accounts/484535289196/")
    page.locator("#desk-note").fill("Ann said on the phone: after the freeze.\n\nAsk again in January.")
    press(page, "Add the note")
    expect(page.locator(".note").first).to_contain_text("after the freeze")
    at_desk.look("account")


@pytest.mark.parametrize("at_desk", MODES[:1], ids=lambda mode: mode.name, indirect=True)
def test_a_list_is_taken_in_by_the_keyboard_alone(at_desk: Desk) -> None:
    page = at_desk.page
    at_desk.go("/fleet/import/")
    at_desk.tab_to("textarea[name=pasted]")
    page.keyboard.insert_text("000000000001,One,a@example.org\n12345,Short,a@example.org")
    at_desk.tab_to("main button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Will be done for 1 account")
    at_desk.tab_to("main form button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("of 2 done with")
    work_now()
    # The page finds out by itself.
    expect(page.locator("h1")).to_have_text("Done for 1 account")


@pytest.mark.parametrize("at_desk", MODES[:1], ids=lambda mode: mode.name, indirect=True)
def test_an_account_is_ticked_tagged_and_noted_by_the_keyboard_alone(
    at_desk: Desk, operator: User, owner: User
) -> None:
    page = at_desk.page
    accounts.register(owner, number="484535289196", name="Community IT", contact_email="o@example.org")
    at_desk.go("/fleet/accounts/")
    at_desk.tab_to("input[name=number]")
    page.keyboard.press("Space")
    expect(page.locator("details[data-bulk]")).to_have_attribute("open", "")
    at_desk.go("/fleet/accounts/")
    at_desk.tab_to("details[data-bulk] > summary")
    page.keyboard.press("Enter")
    at_desk.tab_to("input[name=all]")
    page.keyboard.press("Space")
    at_desk.tab_to("#bulk-tag", "Shift+Tab")
    page.keyboard.insert_text("wave-1")
    # Of all the acts, that of the field one is in.
    page.keyboard.press("Enter")
    expect(page.locator(".over")).to_contain_text("wave-1")
    expect(page.locator("h1")).to_have_text("Will be done for 1 account")
    at_desk.tab_to(".sums a")
    page.keyboard.press("Enter")
    expect(page.locator("#lines")).to_have_text("Will be done")
    at_desk.tab_to("main table a")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/fleet/accounts/484535289196/"))
    at_desk.tab_to("#desk-note")
    page.keyboard.insert_text("Called: after the freeze.")
    at_desk.tab_to("main form button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator(".note").first).to_contain_text("after the freeze")
