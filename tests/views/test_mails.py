"""Do the mails that sign-in sends say whom they are from?"""

from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from django.urls import reverse


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
