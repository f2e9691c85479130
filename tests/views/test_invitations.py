"""What does infosec see of whom they asked, and how far is it from the mail to the account?"""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from onboarding.models import AwsAccount, Invitation, Member, StaffRole
from onboarding.services.invitations import invite
from tests.services.test_invitations_by_infosec import ASKED, asked, operator, unowned
from tests.views.conftest import SignIn

__all__ = ["asked", "operator", "unowned"]

NEW = {"number": "3333-3333-3333", "name": "Data lake", "contact_email": "", "ticket_url": "", "email": ASKED}


@pytest.mark.django_db(transaction=True)
def test_from_the_mail_to_the_accounts_page_in_three_screens(operator: User, sign_in: SignIn) -> None:
    sign_in(operator).post("/fleet/invitations/new/", NEW)
    link = re.search(r"https?://[^/]+(/invitation/\S+)", str(mail.outbox[-1].body))
    assert link
    client = Client()
    screens = []
    offered = client.get(link[1], follow=True)
    screens.append(offered.request["PATH_INFO"])
    way = re.search(r'href="(/accounts/signup/[^"]+)"', offered.text)
    assert way
    assert client.get(way[1].replace("&amp;", "&")).status_code == 200
    screens.append("/accounts/signup/")
    password = "made-up-7351-long"
    signed_up = client.post(
        way[1].replace("&amp;", "&"),
        {"email": ASKED, "password1": password, "password2": password, "next": "/invitation/"},
        follow=True,
    )
    screens.append(signed_up.request["PATH_INFO"])
    assert "Yes, it is mine" in signed_up.text
    there = client.post("/invitation/", follow=True)
    assert there.request["PATH_INFO"] == "/aws/333333333333/hand-over/"
    assert screens == ["/invitation/", "/accounts/signup/", "/invitation/"]


@pytest.mark.django_db(transaction=True)
def test_another_address_is_refused_and_both_are_named(
    operator: User, unowned: AwsAccount, stranger: User, sign_in: SignIn
) -> None:
    invite(operator, unowned, ASKED)
    link = re.search(r"(/invitation/\S+)", str(mail.outbox[-1].body))
    assert link
    EmailAddress.objects.create(user=stranger, email=stranger.email, verified=True, primary=True)
    client = sign_in(stranger)
    for answer in (client.get(link[1], follow=True), client.post("/invitation/")):
        assert answer.status_code == 403
        assert f"It was sent to {ASKED}. You are signed in as {stranger.email}." in answer.text
    assert not unowned.ownerships.exists()


def test_each_tab_shows_its_own_and_counts_them(
    operator: User, unowned: AwsAccount, account: AwsAccount, owner: User, sign_in: SignIn
) -> None:
    invite(owner, account, "between-owners@example.org")
    client = sign_in(operator)
    assert "Whose?" in client.get("/fleet/invitations/?state=unasked").text
    invite(operator, unowned, ASKED)
    page = client.get("/fleet/invitations/")
    assert ASKED in page.text
    assert "between-owners" not in page.text
    assert [tab.count for tab in page.context["tabs"]] == [1, 0, 0, 0, 0, 0]
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    page = client.get("/fleet/invitations/?state=expired&q=2222")
    assert ASKED in page.text
    assert [tab.count for tab in page.context["tabs"]] == [0, 0, 1, 0, 0, 1]
    assert ASKED not in client.get("/fleet/invitations/?state=expired&q=9999").text
    assert client.get("/fleet/invitations/?state=made-up&before=x").status_code == 200


def test_older_ones_follow_on_the_next_page(operator: User, unowned: AwsAccount, sign_in: SignIn) -> None:
    later = timezone.now() + timedelta(days=1)
    Invitation.objects.bulk_create(
        Invitation(
            account=unowned,
            email=f"n{n:02}@example.org",
            token_digest=str(n),
            by_infosec=True,
            expires_at=later,
        )
        for n in range(70)
    )
    client = sign_in(operator)
    first = client.get("/fleet/invitations/")
    rest = client.get(f"/fleet/invitations/?{first.context['older']}")
    shown = [each.email for page in (first, rest) for each in page.context["invitations"]]
    assert shown == [f"n{n:02}@example.org" for n in reversed(range(70))]
    assert rest.context["older"] == ""


def test_an_analyst_sees_who_was_asked_and_has_no_button(
    operator: User, unowned: AwsAccount, staff: User, sign_in: SignIn
) -> None:
    invite(operator, unowned, ASKED)
    text = sign_in(staff).get("/fleet/invitations/").text
    assert ASKED in text
    assert 'action="/fleet/' not in text
    assert "Ask an owner" not in text


def test_reminding_and_taking_back_from_the_list(
    operator: User, unowned: AwsAccount, sign_in: SignIn
) -> None:
    invitation = invite(operator, unowned, ASKED)
    Invitation.objects.update(sent_at=timezone.now() - timedelta(days=2))
    client = sign_in(operator)
    assert "Reminded" in client.post(f"/fleet/invitations/{invitation.pk}/remind/", follow=True).text
    again = client.post(f"/fleet/invitations/{invitation.pk}/remind/", {"state": "waiting"}, follow=True)
    assert "Remind them tomorrow" in again.text
    client.post(f"/fleet/invitations/{invitation.pk}/take-back/")
    assert not Invitation.objects.open().exists()


def test_what_owners_send_one_another_is_not_infosecs_to_touch(
    operator: User, owner: User, account: AwsAccount, sign_in: SignIn
) -> None:
    theirs = invite(owner, account, "co@example.org")
    for act in ("remind", "take-back"):
        assert sign_in(operator).post(f"/fleet/invitations/{theirs.pk}/{act}/").status_code == 404
    assert Invitation.objects.open().count() == 1


def test_an_account_that_somebody_answers_for_is_said_to_be_so(
    operator: User, account: AwsAccount, sign_in: SignIn
) -> None:
    text = sign_in(operator).post("/fleet/invitations/new/", NEW | {"number": account.number}).text
    assert "Somebody answers for this account already" in text


def test_asking_another_about_the_same_account_fills_the_form_in(
    operator: User, unowned: AwsAccount, sign_in: SignIn
) -> None:
    text = sign_in(operator).get(f"/fleet/invitations/new/?number={unowned.number}").text
    assert 'value="222222222222"' in text
    assert 'value="Whose?"' in text


def test_a_superuser_asks_too(unowned: AwsAccount, stranger: User, sign_in: SignIn) -> None:
    Member.objects.create(user=stranger, role=StaffRole.SUPERUSER)
    answer = sign_in(stranger).post("/fleet/invitations/new/", NEW | {"number": unowned.number})
    assert answer.status_code == 302
    assert unowned.invitations.get().email == ASKED
