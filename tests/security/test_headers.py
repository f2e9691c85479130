"""Every answer carries the wall's headers: pages, refusals and errors alike."""

import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from onboarding.models import AwsAccount, Run
from tests.production_check import ROOT, production_environment

PAGES_WITH_SECRETS = ("hand-over", "hand-over-credentials", "hand-over-template", "plan", "run")


@pytest.fixture(autouse=True)
def _no_debug(settings: Settings) -> None:
    settings.DEBUG = False


def assert_walled(answer: object) -> None:
    headers = answer.headers  # type: ignore[attr-defined]
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "nonce" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "no-store" in headers["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/accounts/login/", 200),
        ("/register/", 302),
        ("/nothing-here/", 404),
        ("/health/live", 200),
        ("/aws/484535289196/hand-over/", 302),
    ],
)
def test_every_answer_to_a_visitor_carries_the_walls_headers(path: str, status: int, client: Client) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert_walled(answer)


@pytest.mark.parametrize("name", PAGES_WITH_SECRETS)
def test_no_page_with_a_secret_is_kept_by_anybody(
    name: str, account: AwsAccount, planned: Run, browser: Client
) -> None:
    words = [planned.pk] if name in {"plan", "run"} else [account.number]
    answer = browser.get(reverse(name, args=words))
    assert answer.status_code == 200
    assert_walled(answer)


def test_a_refused_form_an_error_and_a_foreign_host_carry_them_too(
    owner: User, account: AwsAccount, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)
    refused = strict.post(reverse("register"))
    assert refused.status_code == 403
    assert_walled(refused)

    foreign = strict.get("/", headers={"Host": "evil.example.org"})
    assert foreign.status_code == 400
    assert_walled(foreign)
    assert "evil" not in foreign.text

    def break_down(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("onboarding.views.wizard.kit_for", break_down)
    browser.raise_request_exception = False
    broken = browser.get(reverse("hand-over", args=[account.number]))
    assert broken.status_code == 500
    assert_walled(broken)
    assert "a defect" not in broken.text


def test_files_carry_the_policy_too_and_are_no_other_sites(client: Client) -> None:
    answer = client.get("/static/portal/base.css")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "no-store" not in answer.headers["Cache-Control"]


def test_cookies_are_kept_from_scripts_and_other_sites(owner: User, client: Client) -> None:
    owner.set_password("a-password-of-ours")
    owner.save()
    client.get("/accounts/login/")
    client.post("/accounts/login/", {"login": owner.email, "password": "a-password-of-ours"})
    for name in ("sessionid", "csrftoken"):
        cookie = client.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


def test_production_demands_https_for_a_year_and_has_no_admin() -> None:
    program = (
        "from django.conf import settings as s; from django.urls import resolve, Resolver404\n"
        "from django.test import Client\n"
        "answer = Client().get('/health/live', headers={'Host': 'onboarding.example.org', "
        "'X-Forwarded-Proto': 'https'})\n"
        "print(answer.headers['Strict-Transport-Security'])\n"
        "print(Client().get('/', headers={'Host': 'onboarding.example.org'}).headers['Location'])\n"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.DEBUG)\n"
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)\n"
        "try: resolve('/admin/'); print('admin')\n"
        "except Resolver404: print('no admin')\n"
    )
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "shell", "--no-imports", "--command", program],
        env=production_environment(), text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    hsts, redirected, cookies, names, admin = done.stdout.strip().splitlines()
    assert hsts == "max-age=31536000; includeSubDomains; preload"
    assert redirected == "https://onboarding.example.org/"
    assert cookies == "True True False"
    assert names == "__Host-sessionid __Host-csrftoken"
    assert admin == "no admin"
