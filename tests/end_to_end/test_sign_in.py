"""Do passkeys, authenticator apps and an identity provider let the right people in, in a browser?"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from demo.people import Person
from demo.processes import Processes, free_port
from demo.stack import BIN, ROOT, start_redis
from tests.end_to_end import identity_provider as provider
from tests.end_to_end.test_owner import assert_accessible

pytestmark = pytest.mark.end_to_end

# Passkeys are bound to a name, and only this one may go without HTTPS.
HOST = "localhost"
PASSWORD = "made-up-and-long-7351"


@dataclass(frozen=True, slots=True)
class Doors:
    """A portal's web side alone, with an identity provider beside it: nobody onboards here."""

    address: str
    processes: Processes
    environment: dict[str, str]

    def operator(self, email: str, role: str) -> str:
        """The link that `manage.py operator` prints."""
        command = [sys.executable, "manage.py", "operator", email, "--role", role]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, text=True, capture_output=True, check=True
        )
        return done.stdout.strip().splitlines()[-1]

    def link_in_last_mail(self) -> str:
        """Mails are written to the web process's log."""
        links = re.findall(rf"{self.address}/\S+", self.processes.log("web").read_text())
        return str(links[-1])


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@pytest.fixture(scope="module")
def doors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    directory: Path = tmp_path_factory.mktemp("doors")
    port, provider_port = free_port(), free_port()
    address, issuer = f"http://{HOST}:{port}", f"http://{HOST}:{provider_port}"
    with Processes(directory / "logs", ROOT) as processes:
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DEBUG": "false",
            "PUBLIC_URL": address,
            "DATABASE_URL": f"sqlite:///{directory / 'portal.sqlite3'}",
            "REDIS_URL": start_redis(processes, directory),
            "OIDC_NAME": "Example Corp",
            "OIDC_ISSUER_URL": issuer,
            "OIDC_CLIENT_ID": provider.CLIENT_ID,
            "OIDC_CLIENT_SECRET": provider.CLIENT_SECRET,
            "OIDC_GROUP_ROLES": "infosec-operators=operator",
        }
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
        module = "tests.end_to_end.identity_provider"
        command = [sys.executable, "-m", module, directory, provider_port, address]
        processes.start("provider", command, {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"})
        web = f"portal.asgi:application --port {port} --lifespan off --no-access-log"
        processes.start("web", [BIN / "uvicorn", *web.split()], environment)
        processes.wait_until("web", lambda: _answers(f"{address}/accounts/login/"))
        discovery = f"{issuer}/.well-known/openid-configuration"
        processes.wait_until("provider", lambda: _answers(discovery))
        yield Doors(address, processes, environment)
        if request.session.testsfailed:
            processes.print_tails()


@pytest.fixture
def passkey(page: Page) -> None:
    """The browser's own stand-in for a device that keeps passkeys and has just seen its owner's finger."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )


def set_password(page: Page, link: str) -> None:
    page.goto(link)
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("heading", name="Your password is set")).to_be_visible()


def sign_in(page: Page, doors: Doors, email: str) -> None:
    page.goto(f"{doors.address}/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.get_by_role("link", name="Sign out").click()
    page.locator("main").get_by_role("button", name="Sign out").click()


def sees_every_account(page: Page) -> None:
    expect(page.get_by_role("heading", name="What needs infosec")).to_be_visible()


def test_the_first_superuser_sets_a_password_and_a_passkey_and_needs_the_passkey_alone_from_then_on(
    page: Page, doors: Doors, passkey: None
) -> None:
    link = doors.operator("first@example.org", "superuser")
    set_password(page, link)
    page.goto(link)
    expect(page.get_by_role("heading", name="This link has been used or is too old")).to_be_visible()

    sign_in(page, doors, "first@example.org")
    expect(page.get_by_role("heading", name="A second factor first")).to_be_visible()
    page.get_by_role("link", name="Set up a passkey").click()
    assert_accessible(page)
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()

    page.goto(doors.address)
    page.get_by_role("link", name="With my passkey or security key").click()
    page.get_by_role("button", name="Use my passkey").click()
    sees_every_account(page)

    sign_out(page)
    page.goto(f"{doors.address}/accounts/login/")
    page.get_by_role("button", name="With a passkey").click()
    sees_every_account(page)
    page.get_by_role("link", name="Roles in infosec").click()
    expect(page.get_by_role("main")).to_contain_text("Superuser: everything, and gives roles")
    assert_accessible(page)


def test_an_authenticator_app_is_asked_for_after_the_password(page: Page, doors: Doors) -> None:
    email = "analyst@example.org"
    set_password(page, doors.operator(email, "analyst"))
    sign_in(page, doors, email)
    page.get_by_role("link", name="Set up an authenticator app").click()
    assert_accessible(page)
    app = Person(email, PASSWORD, authenticator_seed=page.locator("#totp-secret").inner_text())
    page.get_by_label("Authenticator code").fill(app.code())
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    recovery_code = page.locator("#recovery-codes li").first.inner_text()

    sign_out(page)
    sign_in(page, doors, email)
    page.goto(doors.address)
    expect(page.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()
    page.goto(f"{doors.address}/accounts/login/")
    assert_accessible(page)
    page.locator("input[name=code]").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("main")).to_contain_text("Incorrect code")
    # The app's next code: the one that set it up can't be used again.
    page.locator("input[name=code]").fill(app.code(periods_ahead=1))
    page.get_by_role("button", name="Sign in", exact=True).click()
    sees_every_account(page)

    sign_out(page)
    sign_in(page, doors, email)
    page.locator("input[name=code]").fill(recovery_code)
    page.get_by_role("button", name="Sign in", exact=True).click()
    sees_every_account(page)


def through_the_provider(page: Page, doors: Doors, name: str) -> None:
    page.goto(f"{doors.address}/accounts/login/")
    assert_accessible(page)
    page.get_by_role("button", name="Sign in with Example Corp").click()
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", provider.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{doors.address}/**")


def test_the_provider_gives_a_role_and_its_word_for_a_second_factor(page: Page, doors: Doors) -> None:
    through_the_provider(page, doors, "grace")
    sees_every_account(page)
    expect(page.get_by_role("banner")).to_contain_text("grace@example.org")


def test_without_the_providers_word_for_a_second_factor_infosec_needs_one_here(
    page: Page, doors: Doors
) -> None:
    through_the_provider(page, doors, "alan")
    expect(page.get_by_role("heading", name="A second factor first")).to_be_visible()


def test_who_is_in_no_group_of_infosec_comes_in_as_an_owner(page: Page, doors: Doors) -> None:
    through_the_provider(page, doors, "ada")
    expect(page.get_by_role("heading", name="Your accounts")).to_be_visible()
    assert page.request.get(f"{doors.address}/staff/").status == 404


def test_who_signed_up_before_with_anothers_address_does_not_share_what_the_provider_gives(
    page: Page, doors: Doors
) -> None:
    """Somebody signs up as mary without having her mailbox, and waits until she comes."""
    page.goto(f"{doors.address}/accounts/signup/")
    page.fill("input[name=email]", "mary@example.org")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Confirm your address")).to_be_visible()
    page.context.clear_cookies()

    # The provider's word made the password useless; she confirms the address once, as it never was.
    through_the_provider(page, doors, "mary")
    expect(page.get_by_role("heading", name="Confirm your address")).to_be_visible()
    page.goto(doors.link_in_last_mail())
    page.get_by_role("button", name="Yes, confirm it").click()
    page.context.clear_cookies()
    through_the_provider(page, doors, "mary")
    sees_every_account(page)
    page.context.clear_cookies()
    sign_in(page, doors, "mary@example.org")
    expect(page.locator("main")).to_contain_text("not correct")


def test_three_pages_lie_between_an_invitations_mail_and_the_account(page: Page, doors: Doors) -> None:
    through_the_provider(page, doors, "ada")
    page.goto(f"{doors.address}/register/")
    page.fill("input[name=number]", "484535289196")
    page.fill("input[name=name]", "Community IT")
    page.get_by_role("button", name="Register, and go on").click()
    page.goto(f"{doors.address}/aws/484535289196/people/")
    page.get_by_label("E-mail address").fill("new@example.org")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.locator("main")).to_contain_text("A link is on its way to new@example.org")
    assert_accessible(page)
    link = doors.link_in_last_mail()
    page.context.clear_cookies()

    page.goto(link)
    assert link.split("/")[-2] not in page.url
    assert_accessible(page)
    page.get_by_role("link", name="Sign up with this address").click()
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    page.get_by_role("button", name="Accept").click()
    expect(page).to_have_url(f"{doors.address}/aws/484535289196/people/")
    expect(page.locator("main")).to_contain_text("new@example.org")

    assert page.request.get(link).status == 410
