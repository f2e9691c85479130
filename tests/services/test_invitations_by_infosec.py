"""How does an account that infosec registered get its owner?"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from onboarding.models import (
    AuditRecord,
    AwsAccount,
    Invitation,
    InvitationState,
    Member,
    Ownership,
    OwnershipRole,
    StaffRole,
)
from onboarding.models.audit import AuditKind
from onboarding.services import accounts, invitations
from onboarding.services.refusals import NotOwner

ASKED = "asked@example.org"


@pytest.fixture
def operator(db: None) -> User:
    user = User.objects.create_user("operator", "operator@example.org")
    Member.objects.create(user=user, role=StaffRole.OPERATOR)
    return user


@pytest.fixture
def unowned(operator: User) -> AwsAccount:
    return accounts.register_without_owner(
        operator, number="222222222222", name="Whose?", contact_email="who@example.org"
    )


@pytest.fixture
def asked(db: None) -> User:
    user = User.objects.create_user("asked", ASKED)
    EmailAddress.objects.create(user=user, email=ASKED, verified=True, primary=True)
    return user


def link_of(body: str) -> str:
    found = re.search(r"/invitation/([^/\s]+)/", body)
    assert found
    return found[1]


def invite(
    commit: DjangoCaptureOnCommitCallbacks, by: User, account: AwsAccount, email: str = ASKED
) -> Invitation:
    with commit(execute=True):
        return invitations.invite(by, account, email)


def test_who_is_asked_becomes_the_owner_and_the_next_a_co_owner(
    operator: User,
    unowned: AwsAccount,
    asked: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    other = User.objects.create_user("other", "other@example.org")
    EmailAddress.objects.create(user=other, email=other.email, verified=True, primary=True)
    tokens = []
    for email in (ASKED, other.email):
        invite(django_capture_on_commit_callbacks, operator, unowned, email)
        tokens.append(link_of(str(mail.outbox[-1].body)))
    invitations.accept(asked, tokens[0])
    assert unowned.ownerships.get(user=asked).role == OwnershipRole.OWNER
    invitations.accept(other, tokens[1])
    assert unowned.ownerships.get(user=other).role == OwnershipRole.CO_OWNER
    kinds = list(AuditRecord.objects.filter(account_id=unowned.pk).values_list("kind", flat=True))
    assert kinds == [
        AuditKind.ACCOUNT_REGISTERED,
        AuditKind.OWNER_INVITED,
        AuditKind.OWNER_INVITED,
        AuditKind.OWNER_JOINED,
        AuditKind.OWNER_JOINED,
    ]


@pytest.mark.parametrize("role", [StaffRole.ANALYST, StaffRole.AUDITOR, None])
def test_only_operators_register_and_ask(
    operator: User, unowned: AwsAccount, stranger: User, role: StaffRole | None
) -> None:
    if role:
        Member.objects.create(user=stranger, role=role)
    invitation = invitations.invite(operator, unowned, ASKED)
    with pytest.raises(accounts.NotOperator):
        accounts.register_without_owner(stranger, number="333333333333", name="x", contact_email=ASKED)
    with pytest.raises(NotOwner):
        invitations.invite(stranger, unowned, "y@example.org")
    with pytest.raises(NotOwner):
        invitations.remind(stranger, invitation)
    with pytest.raises(NotOwner):
        invitations.revoke(stranger, unowned, invitation.pk)
    assert Invitation.objects.open().count() == 1


def test_once_there_is_an_owner_they_alone_decide_who_else(
    operator: User, account: AwsAccount, owner: User
) -> None:
    with pytest.raises(invitations.HasOwner):
        invitations.invite(operator, account, ASKED)
    with pytest.raises(accounts.AlreadyRegistered):
        accounts.register_without_owner(operator, number=account.number, name="x", contact_email=ASKED)
    assert AwsAccount.objects.get(pk=account.pk).name == account.name


@pytest.mark.parametrize("act", ["invite", "remind", "take back"])
def test_who_becomes_the_owner_at_that_very_moment_decides_from_then_on(
    operator: User, unowned: AwsAccount, asked: User, act: str
) -> None:
    invitation = invitations.for_later(operator, unowned, "z@example.org", timezone.now())
    invitation.save()
    acts: dict[str, Callable[[], object]] = {
        "invite": lambda: invitations.invite(operator, unowned, "z@example.org"),
        "remind": lambda: invitations.remind(operator, invitation),
        "take back": lambda: invitations.revoke(operator, unowned, invitation.pk),
    }
    met: list[str] = []

    def meanwhile(execute: Any, sql: str, *rest: Any) -> Any:
        """Somebody accepts just before this act gets hold of the account."""
        if sql.startswith("SELECT") and 'FROM "onboarding_awsaccount"' in sql and not met:
            met.append(sql)
            Ownership.objects.create(account=unowned, user=asked)
        return execute(sql, *rest)

    with connection.execute_wrapper(meanwhile), pytest.raises(invitations.HasOwner):
        acts[act]()
    assert met
    assert Invitation.objects.get().revoked_at is None


def test_registering_it_twice_leaves_it_as_it_was(operator: User, unowned: AwsAccount) -> None:
    again = accounts.register_without_owner(
        operator, number=unowned.number, name="Other", contact_email=ASKED
    )
    assert again.pk == unowned.pk
    assert again.name == "Whose?"


def test_a_reminder_carries_the_same_link_for_a_week_more_and_is_recorded(
    operator: User,
    unowned: AwsAccount,
    asked: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    invitation = invite(django_capture_on_commit_callbacks, operator, unowned)
    first = link_of(str(mail.outbox[-1].body))
    with pytest.raises(invitations.RemindedLately):
        invitations.remind(operator, invitation)
    long_ago = timezone.now() - timedelta(days=9)
    Invitation.objects.update(sent_at=long_ago, expires_at=long_ago)
    with pytest.raises(invitations.NoLongerValid):
        invitations.accept(asked, first)
    with django_capture_on_commit_callbacks(execute=True):
        invitations.remind(operator, invitation)
    with pytest.raises(invitations.RemindedLately):
        invitations.remind(operator, invitation)
    assert "Reminder" in str(mail.outbox[-1].subject)
    assert link_of(str(mail.outbox[-1].body)) == first
    invitation.refresh_from_db()
    assert (invitation.reminders, invitation.state) == (1, InvitationState.WAITING)
    assert AuditRecord.objects.filter(kind=AuditKind.OWNER_REMINDED, actor_id=operator.pk).count() == 1
    invitations.accept(asked, first)
    with pytest.raises(invitations.HasOwner):
        invitations.remind(operator, invitation)


def test_after_the_secret_key_changed_a_reminder_makes_a_link_that_works(
    operator: User,
    unowned: AwsAccount,
    asked: User,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    invitation = invite(django_capture_on_commit_callbacks, operator, unowned)
    first = link_of(str(mail.outbox[-1].body))
    settings.SECRET_KEY = "another"
    Invitation.objects.update(sent_at=timezone.now() - timedelta(days=2))
    with django_capture_on_commit_callbacks(execute=True):
        invitations.remind(operator, invitation)
    second = link_of(str(mail.outbox[-1].body))
    assert second != first
    with pytest.raises(invitations.NoLongerValid):
        invitations.accept(asked, first)
    invitations.accept(asked, second)


def test_one_that_was_taken_back_is_not_reminded(operator: User, unowned: AwsAccount) -> None:
    invitation = invitations.invite(operator, unowned, ASKED)
    invitations.revoke(operator, unowned, invitation.pk)
    with pytest.raises(invitations.NothingToRemind):
        invitations.remind(operator, invitation)


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_could_not_be_sent_is_kept_and_sent_again_at_once(
    operator: User, unowned: AwsAccount, settings: Settings
) -> None:
    works = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(invitations.MailNotSent):
        invitations.invite(operator, unowned, ASKED)
    [invitation] = Invitation.objects.in_state(InvitationState.NOT_SENT)
    settings.EMAIL_BACKEND = works
    invitations.remind(operator, invitation)
    assert [each.pk for each in Invitation.objects.in_state(InvitationState.WAITING)] == [invitation.pk]
    assert len(mail.outbox) == 1


def test_every_invitation_is_in_one_state_and_says_which(operator: User, unowned: AwsAccount) -> None:
    now = timezone.now()
    times = [None, now - timedelta(hours=1)]
    number = 0
    for used_at in times:
        for revoked_at in times:
            for mail_failed_at in times:
                for expires_at in (now - timedelta(seconds=1), now + timedelta(days=1)):
                    number += 1
                    Invitation.objects.create(
                        account=unowned,
                        email=f"{number}@example.org",
                        token_digest=str(number),
                        used_at=used_at,
                        revoked_at=revoked_at,
                        mail_failed_at=mail_failed_at,
                        expires_at=expires_at,
                    )
    seen: list[int] = []
    for state in InvitationState:
        for invitation in Invitation.objects.in_state(state):
            assert invitation.state == state
            seen.append(invitation.pk)
    assert sorted(seen) == sorted(Invitation.objects.values_list("pk", flat=True))


def test_who_tries_to_register_an_account_without_owner_is_told_to_infosec(
    unowned: AwsAccount, stranger: User, settings: Settings
) -> None:
    with transaction.atomic():
        invitations.ask_to_be_let_in(stranger, unowned.number)
    [sent] = mail.outbox
    assert sent.to == [settings.COMPANY.infosec_contact]
    assert stranger.email in str(sent.body)
    assert f"/fleet/invitations/new/?number={unowned.number}" in str(sent.body)
