"""Who may decide about people, and does each change have one effect and one audit record?"""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from onboarding.models import AuditRecord, AwsAccount, Invitation, Member, Ownership, OwnershipRole, StaffRole
from onboarding.models.audit import AuditKind
from onboarding.models.people import mark_second_factor, role_of, sees_every_account
from onboarding.services import invitations, ownership, people
from onboarding.services.refusals import NotOwner, Refused


def with_address(user: User, *, verified: bool = True) -> User:
    EmailAddress.objects.create(user=user, email=user.email, verified=verified, primary=True)
    return user


@pytest.fixture
def superuser(db: None) -> User:
    user = User.objects.create_user("superuser", "superuser@example.org")
    people.set_role(user, StaffRole.SUPERUSER, by_id=None)
    return user


@pytest.fixture
def co_owner(account: AwsAccount) -> User:
    user = with_address(User.objects.create_user("co", "co@example.org"))
    Ownership.objects.create(account=account, user=user, role=OwnershipRole.CO_OWNER)
    return user


def sent_token(commit: DjangoCaptureOnCommitCallbacks, owner: User, account: AwsAccount, email: str) -> str:
    """The token of an invitation, which only its mail holds."""
    with commit(execute=True):
        invitations.invite(owner, account, email)
    found = re.search(r"/invitation/([^/\s]+)/", str(mail.outbox[-1].body))
    assert found
    return found[1]


# --- Invitations ----------------------------------------------------------------------------------


def test_an_invited_person_becomes_a_co_owner_once(
    owner: User,
    account: AwsAccount,
    stranger: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    token = sent_token(django_capture_on_commit_callbacks, owner, account, "Stranger@Example.org")
    assert mail.outbox[-1].to == ["stranger@example.org"]
    invitations.accept(with_address(stranger), token)
    assert account.ownerships.get(user=stranger).role == OwnershipRole.CO_OWNER
    with pytest.raises(invitations.NoLongerValid):
        invitations.accept(stranger, token)
    kinds = list(AuditRecord.objects.filter(account_id=account.pk).values_list("kind", flat=True))
    assert kinds[-2:] == [AuditKind.OWNER_INVITED, AuditKind.OWNER_JOINED]


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_cannot_be_sent_is_told_to_who_invites_and_to_nobody_who_asks(
    owner: User, account: AwsAccount, stranger: User, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(invitations.MailNotSent):
        invitations.invite(owner, account, "new@example.org")
    invitations.ask_to_be_let_in(stranger, account.number)


def test_the_token_is_stored_nowhere(
    owner: User, account: AwsAccount, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    token = sent_token(django_capture_on_commit_callbacks, owner, account, "new@example.org")
    [invitation] = Invitation.objects.values()
    assert token not in str(invitation)
    assert token not in str(list(AuditRecord.objects.values()))


@pytest.mark.parametrize("verified", [True, False])
def test_an_invitation_is_for_its_confirmed_address_alone(
    owner: User,
    account: AwsAccount,
    stranger: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    verified: bool,
) -> None:
    address = "other@example.org" if verified else stranger.email
    token = sent_token(django_capture_on_commit_callbacks, owner, account, address)
    with pytest.raises(invitations.ForSomebodyElse):
        invitations.accept(with_address(stranger, verified=verified), token)
    assert not account.ownerships.filter(user=stranger).exists()


def test_an_invitation_that_was_taken_back_or_replaced_or_is_too_old_lets_nobody_in(
    owner: User,
    account: AwsAccount,
    stranger: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with_address(stranger)
    replaced = sent_token(django_capture_on_commit_callbacks, owner, account, stranger.email)
    taken_back = sent_token(django_capture_on_commit_callbacks, owner, account, stranger.email)
    invitations.revoke(owner, account, Invitation.objects.open().get().pk)
    too_old = sent_token(django_capture_on_commit_callbacks, owner, account, stranger.email)
    Invitation.objects.open().update(expires_at=timezone.now() - timedelta(seconds=1))
    for token in (replaced, taken_back, too_old, "made-up", ""):
        with pytest.raises(invitations.NoLongerValid):
            invitations.accept(stranger, token)
    # An old one doesn't stand in the way of a new one.
    invitations.accept(
        stranger, sent_token(django_capture_on_commit_callbacks, owner, account, stranger.email)
    )


def test_only_the_owner_invites_and_takes_back(
    owner: User, account: AwsAccount, co_owner: User, stranger: User, staff: User
) -> None:
    invitation = invitations.invite(owner, account, "new@example.org")
    for user in (co_owner, stranger, mark_second_factor(staff, passed=True)):
        with pytest.raises(NotOwner):
            invitations.invite(user, account, "another@example.org")
        with pytest.raises(NotOwner):
            invitations.revoke(user, account, invitation.pk)
    assert [each.pk for each in Invitation.objects.open()] == [invitation.pk]
    with pytest.raises(invitations.AlreadyOwns):
        invitations.invite(owner, account, co_owner.email)


def test_who_asks_to_be_let_in_learns_nothing_and_the_owners_get_a_mail(
    account: AwsAccount, owner: User, stranger: User
) -> None:
    invitations.ask_to_be_let_in(stranger, "111111111111")
    invitations.ask_to_be_let_in(owner, account.number)
    assert mail.outbox == []
    invitations.ask_to_be_let_in(stranger, account.number)
    [sent] = mail.outbox
    assert sent.to == [owner.email]
    assert stranger.email in sent.subject


def test_an_accounts_name_can_not_write_a_mails_headers(
    account: AwsAccount, owner: User, stranger: User
) -> None:
    AwsAccount.objects.update(name="Ours\nBcc: x@example.org")
    invitations.ask_to_be_let_in(stranger, account.number)
    with transaction.atomic():
        invitations.invite(owner, account, "new@example.org")
    assert all("\n" not in str(sent.subject) for sent in mail.outbox)


# --- Owners ---------------------------------------------------------------------------------------


def test_the_owner_hands_on_and_can_then_leave(owner: User, account: AwsAccount, co_owner: User) -> None:
    with pytest.raises(ownership.OwnerMustHandOn):
        ownership.remove(owner, account, owner.pk)
    ownership.hand_on(owner, account, co_owner.pk)
    assert account.ownerships.get(role=OwnershipRole.OWNER).user == co_owner
    with pytest.raises(NotOwner):
        ownership.hand_on(owner, account, owner.pk)
    ownership.remove(owner, account, owner.pk)
    assert not AwsAccount.objects.visible_to(owner).exists()
    kinds = list(AuditRecord.objects.filter(account_id=account.pk).values_list("kind", flat=True))
    assert kinds[-2:] == [AuditKind.OWNERSHIP_TRANSFERRED, AuditKind.OWNER_REMOVED]


def test_co_owners_remove_nobody_but_themselves(owner: User, account: AwsAccount, co_owner: User) -> None:
    other = User.objects.create_user("other", "other@example.org")
    Ownership.objects.create(account=account, user=other, role=OwnershipRole.CO_OWNER)
    for user_id in (owner.pk, other.pk):
        with pytest.raises(NotOwner):
            ownership.remove(co_owner, account, user_id)
    ownership.remove(co_owner, account, co_owner.pk)
    assert set(account.ownerships.values_list("user_id", flat=True)) == {owner.pk, other.pk}


def test_nobody_becomes_owner_who_was_not_among_them(
    owner: User, account: AwsAccount, stranger: User
) -> None:
    with pytest.raises(ownership.NotAmongOwners):
        ownership.hand_on(owner, account, stranger.pk)


def test_the_database_knows_one_owner_per_account(account: AwsAccount, stranger: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Ownership.objects.create(account=account, user=stranger, role=OwnershipRole.OWNER)


# --- Infosec --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [None, *StaffRole])
def test_a_role_alone_opens_nothing_and_neither_does_a_second_factor_alone(
    stranger: User, superuser: User, role: StaffRole | None
) -> None:
    people.set_role(stranger, role, by_id=superuser.pk)
    assert not sees_every_account(stranger)
    assert sees_every_account(mark_second_factor(stranger, passed=True)) is (role is not None)


def test_who_left_has_no_role(staff: User) -> None:
    staff.is_active = False
    assert role_of(staff) is None


def test_only_superusers_give_roles_and_each_change_is_recorded(
    superuser: User, staff: User, stranger: User, owner: User
) -> None:
    with_address(stranger)
    for user in (staff, owner, stranger):
        with pytest.raises(people.NotSuperuser):
            people.change_role(user, stranger.email, StaffRole.SUPERUSER)
    people.change_role(superuser, "STRANGER@example.org", StaffRole.AUDITOR)
    people.change_role(superuser, stranger.email, StaffRole.AUDITOR)
    people.change_role(superuser, stranger.email, None)
    assert role_of(stranger) is None
    records = AuditRecord.objects.filter(actor_id=superuser.pk)
    assert [record.kind for record in records] == [AuditKind.ROLE_GIVEN, AuditKind.ROLE_TAKEN]


def test_an_address_that_nobody_confirmed_gets_no_role(superuser: User, stranger: User) -> None:
    with_address(stranger, verified=False)
    with pytest.raises(people.NobodyThere):
        people.change_role(superuser, stranger.email, StaffRole.OPERATOR)


def test_the_last_superuser_stays(superuser: User) -> None:
    with pytest.raises(people.LastSuperuser):
        people.set_role(superuser, None, by_id=superuser.pk)
    with pytest.raises(Refused):
        people.set_role(superuser, StaffRole.ANALYST, by_id=superuser.pk)


def test_the_providers_groups_give_roles_and_take_back_only_what_they_gave(
    stranger: User, staff: User
) -> None:
    roles = {"ops": StaffRole.OPERATOR, "audit": StaffRole.AUDITOR}
    people.follow_provider(stranger, frozenset({"everybody"}), roles)
    assert role_of(stranger) is None
    people.follow_provider(stranger, frozenset({"audit", "ops"}), roles)
    assert role_of(stranger) == StaffRole.OPERATOR
    people.follow_provider(stranger, frozenset({"audit"}), roles)
    assert role_of(stranger) == StaffRole.AUDITOR
    people.follow_provider(stranger, frozenset(), roles)
    assert role_of(stranger) is None
    people.follow_provider(staff, frozenset(), roles)
    assert role_of(staff) == StaffRole.ANALYST
    assert not Member.objects.get(user=staff).by_provider
