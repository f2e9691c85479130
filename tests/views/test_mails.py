"""Do the mails that sign-in sends say whom they are from?"""

from django.core import mail
from django.test import Client
from django.urls import reverse


def test_a_mail_names_the_portal_by_the_address_that_people_type(db: None, client: Client) -> None:
    password = "a made-up password of some length"
    fields = {"email": "new@example.org", "password1": password, "password2": password}
    assert client.post(reverse("account_signup"), fields).status_code == 302
    [sent] = mail.outbox
    assert sent.subject.startswith("[testserver] ")
    assert "register an account on testserver" in sent.body
    assert "example.com" not in sent.subject + sent.body
