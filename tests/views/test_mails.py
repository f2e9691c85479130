"""Do the mails that sign-in sends say whom they are from?"""

from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, User
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.views.conftest import prove


def test_a_mail_names_the_portal_by_the_address_that_people_type(db: None, client: Client) -> None:
    password = "a made-up password of some length"
    fields = {"email": "new@example.org", "password1": password, "password2": password}
    assert client.post(reverse("account_signup"), fields).status_code == 302
    [sent] = mail.outbox
    assert sent.subject.startswith("[testserver] ")
    assert "account onboarding at testserver" in sent.body
    assert "/accounts/confirm-email/" in sent.body
    assert "example.com" not in f"{sent.subject}{sent.body}"


def test_who_forgot_their_password_and_who_never_signed_up_are_told_what_to_do(
    db: None, client: Client
) -> None:
    get_user_model().objects.create_user("known", "known@example.org", "a made-up password of some length")
    for address, link in (("known@example.org", "/password/reset/key/"), ("new@example.org", "/signup/")):
        client.post(reverse("account_reset_password"), {"email": address})
        sent = mail.outbox[-1]
        assert sent.to == [address]
        assert link in sent.body
        assert "If it wasn’t you, do nothing" in sent.body


def test_who_changes_how_they_sign_in_hears_of_it_in_plain_words(owner: User, browser: Client) -> None:
    password = "a made-up password of some length"
    owner.set_password(password)
    owner.save()
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    browser.force_login(owner)
    prove(browser, owner, second_factor=False)
    new = {"password1": f"{password}, new", "password2": f"{password}, new"}
    browser.post(reverse("account_change_password"), {"oldpassword": password, **new})
    [sent] = mail.outbox
    assert sent.to == [owner.email]
    assert "Your password was changed" in sent.subject
    assert "If it wasn’t you, set a new password now and tell infosec." in sent.body


def test_the_page_of_addresses_says_which_is_confirmed_and_where_mails_go(
    owner: User, browser: Client
) -> None:
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    EmailAddress.objects.create(user=owner, email="second@example.org")
    page = browser.get(reverse("account_email")).text
    assert page.index("mails go here") < page.index("second@example.org") < page.index("not confirmed yet")
    for name in ("action_primary", "action_send", "action_remove", "action_add"):
        assert f'name="{name}"' in page
    answer = browser.post(
        reverse("account_email"), {"email": "second@example.org", "action_remove": ""}, follow=True
    )
    assert not EmailAddress.objects.filter(email="second@example.org").exists(), answer.text


TEMPLATES = Path(__file__).parents[2] / "templates"
MAILS = sorted(path for path in TEMPLATES.glob("*/email/*_message.txt") if path.stem != "base_message")


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_each_mail_has_a_subject_of_one_line_and_says_whom_it_is_from(path: Path, rf: RequestFactory) -> None:
    words = dict.fromkeys(("to_email", "from_email", "deleted_email"), "o'neil@example.org")
    request = rf.get("/")
    request.user = AnonymousUser()
    name = str(path.relative_to(TEMPLATES))
    body = render_to_string(name, words, request)
    subject = render_to_string(name.replace("_message", "_subject"), {}, request).strip()
    assert subject
    assert "\n" not in subject
    assert "account onboarding at" in body
    assert "&#" not in body
