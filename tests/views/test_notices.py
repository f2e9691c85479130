"""Infosec sees what could not be told, and an operator has it tried again."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Member, Notice, NoticeOutcome, Reader, Run, StaffRole
from onboarding.models.history import move_run
from onboarding.notices import outbox
from onboarding.states import RunStatus
from tests.views.conftest import SignIn


@pytest.fixture
def operator(db: None) -> User:
    user = User.objects.create_user("operator", "operator@example.org")
    Member.objects.create(user=user, role=StaffRole.OPERATOR)
    return user


@pytest.fixture
def given_up(surveying: Run) -> Notice:
    assert move_run(surveying, RunStatus.FAILED, expect=[RunStatus.SURVEYING])
    Notice.objects.filter(user=None).delete()
    Notice.objects.update(
        outcome=NoticeOutcome.GIVEN_UP,
        handled_at=timezone.now(),
        due_at=None,
        attempts=30,
        last_error="SMTPServerDisconnected",
    )
    return Notice.objects.get()


def test_infosec_sees_whom_it_could_not_tell_and_an_operator_has_it_tried_again(
    sign_in: SignIn, operator: User, given_up: Notice
) -> None:
    browser = sign_in(operator)
    assert "1 mail or comment did not get there." in browser.get(reverse("fleet")).text
    page = browser.get(reverse("notices")).text
    for told in ("owner@example.org", "SMTPServerDisconnected", "Given up", "30 attempts"):
        assert told in page
    answer = browser.post(reverse("try-notice-again", args=[given_up.pk]), follow=True)
    assert "It is tried again now." in answer.text
    outbox.tell()
    [sent] = mail.outbox
    assert sent.to == ["owner@example.org"]
    assert given_up.run.events.filter(kind="notice.asked_again").get().data["by_id"] == operator.pk
    assert "Everybody was told everything" in browser.get(reverse("notices")).text
    assert "did not get there" not in browser.get(reverse("fleet")).text


def test_what_is_sent_already_is_not_sent_again(sign_in: SignIn, operator: User, given_up: Notice) -> None:
    browser, url = sign_in(operator), reverse("try-notice-again", args=[given_up.pk])
    browser.post(url)
    outbox.tell()
    assert browser.post(url).status_code == 404
    outbox.tell()
    assert len(mail.outbox) == 1


def test_a_hiccup_is_not_shown_and_a_notice_that_is_being_tried_for_long_is(
    sign_in: SignIn, staff: User, given_up: Notice
) -> None:
    later = timezone.now() + timedelta(minutes=1)
    Notice.objects.update(outcome="", handled_at=None, due_at=later, attempts=1)
    browser = sign_in(staff)
    assert "owner@example.org" not in browser.get(reverse("notices")).text
    Notice.objects.update(attempts=3)
    page = browser.get(reverse("notices")).text
    assert "Being tried" in page
    assert "Try again" not in page, "an analyst looks, and does nothing"


def test_a_sign_in_keeps_how_somebody_reads(db: None, client: Client) -> None:
    user = User.objects.create_user("reader", "reader@example.org", "made-up-7351")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client.cookies["zone"] = "America/Los_Angeles"
    client.post(reverse("account_login"), {"login": user.email, "password": "made-up-7351"})
    reader = Reader.objects.get(user=user)
    assert (reader.language, reader.time_zone) == ("en", "America/Los_Angeles")
