"""Who gets in where, and by which method? Every page of the portal, asked the same questions."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from onboarding.models import AwsAccount, Run
from onboarding.urls import urlpatterns
from tests.views.conftest import SignIn

OPEN_TO_ALL = {"front", "health-live", "health-ready", "invitation", "invitation-link", "style"}
# Whose owner alone may enter: staff see an account, but neither its ExternalId nor the owner's buttons.
OWNERS_ONLY = {
    "decide",
    "retry",
    "account-details",
    "hand-over",
    "hand-over-credentials",
    "hand-over-template",
    "by-hand",
    "by-hand-template",
    "start-again",
    "approve",
    "cancel",
    "leave-as-is",
    "undo",
    "remove-owner",
    "hand-on",
    "revoke-invitation",
    "check-again",
    "rotate-external-id",
    "account-audit",
    "account-audit-export",
}
POST_ONLY = {
    "undo",
    "approve",
    "check-again",
    "revoke-invitation",
    "rotate-external-id",
    "remind-of-invitation",
    "take-back-invitation",
    "try-notice-again",
    "confirm-batch",
    "bulk",
    "desk",
    "save-view",
    "forget-view",
}
POST_TOO = {
    "decide",
    "retry",
    "account-details",
    "register",
    "hand-over",
    "hand-over-credentials",
    "by-hand",
    "start-again",
    "cancel",
    "leave-as-is",
    "people",
    "remove-owner",
    "hand-on",
    "ask-owners",
    "invitation",
    "staff",
    "hand-over-role-gone",
    "invite-owner",
    "import",
    "fleet-retry",
}
# What is asked of no account: test_doors_table says who gets in there.
ABOUT_NO_ACCOUNT = {
    "register",
    "ask-owners",
    "staff",
    "second-factor",
    "audit",
    "audit-export",
    "invitations",
    "invite-owner",
    "remind-of-invitation",
    "take-back-invitation",
    "notices",
    "try-notice-again",
    "bulk",
    "save-view",
    "forget-view",
    "confirm-batch",
    "import",
    "batch",
    "batch-report",
    "desk",
    "fleet-retry",
    "fleet-blueprint",
}

ALL = sorted(pattern.name for pattern in urlpatterns if pattern.name)
# The stream reads in a thread of its own, which sees only what is committed: test_stream asks it.
PAGES = [name for name in ALL if name not in OPEN_TO_ALL | ABOUT_NO_ACCOUNT | {"events"}]


def address(name: str, account: AwsAccount, run: Run) -> str:
    pattern = next(pattern for pattern in urlpatterns if pattern.name == name)
    match sorted(pattern.pattern.converters):
        case ["number"]:
            return reverse(name, args=[account.number])
        case ["run_id"]:
            return reverse(name, args=[run.pk])
        case ["number", "stack"]:
            return reverse(name, args=[account.number, "roles"])
        case ["number", "user_id"]:
            return reverse(name, args=[account.number, account.ownerships.get().user_id])
        case ["invitation_id", "number"]:
            return reverse(name, args=[account.number, 1])
        case ["batch_id"]:
            return reverse(name, args=[uuid4()])
        case ["asked_id"] | ["notice_id"] | ["view_id"]:
            return reverse(name, args=[1])
        case ["token"] | ["code"]:
            return reverse(name, args=["made-up"])
        case _:
            return reverse(name)


def knock(client: Client, name: str, account: AwsAccount, run: Run) -> int:
    url = address(name, account, run)
    return (client.post(url) if name in POST_ONLY else client.get(url)).status_code


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_gets_404(
    name: str, account: AwsAccount, planned: Run, stranger: User, sign_in: SignIn
) -> None:
    assert knock(sign_in(stranger), name, account, planned) == 404


@pytest.mark.parametrize("name", sorted(set(ALL) - OPEN_TO_ALL))
def test_a_signed_out_visitor_is_sent_to_sign_in(
    name: str, account: AwsAccount, planned: Run, client: Client
) -> None:
    url = address(name, account, planned)
    answer = client.post(url) if name in POST_ONLY else client.get(url)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("name", ALL)
def test_a_wrong_method_gets_405(name: str, account: AwsAccount, planned: Run, browser: Client) -> None:
    url = address(name, account, planned)
    assert browser.put(url).status_code == 405
    if name in POST_ONLY:
        assert browser.get(url).status_code == 405
    elif name not in POST_TOO:
        assert browser.post(url).status_code == 405


@pytest.mark.parametrize("name", PAGES)
def test_staff_see_the_account_but_cannot_act_for_its_owner(
    name: str, account: AwsAccount, planned: Run, staff: User, sign_in: SignIn
) -> None:
    expected = 404 if name in OWNERS_ONLY else 200
    assert knock(sign_in(staff), name, account, planned) == expected


@pytest.mark.parametrize("name", ["register", "hand-over", "hand-over-credentials", "cancel", "approve"])
def test_a_form_without_its_token_is_refused(
    name: str, account: AwsAccount, planned: Run, owner: User
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    answer = client.post(address(name, account, planned))
    assert answer.status_code == 403
    assert "Please send the form again" in answer.text


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"])
def test_open_pages_carry_a_strict_policy_and_nothing_inline(path: str, client: Client) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert " style=" not in answer.text
    assert "<script>" not in answer.text
    assert " onclick=" not in answer.text
    assert "https://" not in answer.text


def test_a_page_that_is_not_there_says_so_without_saying_more(browser: Client) -> None:
    answer = browser.get("/aws/999999999999/logs/")
    assert answer.status_code == 404
    assert "This page isn’t there" in answer.text


def test_the_page_for_our_own_faults_needs_nothing_that_may_be_broken() -> None:
    assert "Something broke on our side" in render_to_string("500.html")


def test_the_portal_says_whether_it_lives_and_is_ready(db: None, client: Client) -> None:
    assert client.get("/health/live").content == b"live\n"
    assert client.get("/health/ready").content == b"ready\n"
