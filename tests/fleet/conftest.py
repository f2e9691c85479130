"""A made-up fleet, small enough for a test, and somebody of infosec who looks at it."""

from datetime import datetime, timedelta
from random import Random

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from onboarding.blueprint import build_blueprint
from onboarding.models import AccountSummary, AccountTag, Assignment, AwsAccount, Member, StaffRole
from onboarding.services import invitations
from onboarding.states import AccountState
from tests.views.conftest import SignIn, _light_settings, sign_in

__all__ = ["_light_settings", "sign_in"]

ACCOUNTS = 120


TAGS = ("prod", "wave-1")
COLLEAGUES = ("analyst@example.org", "operator@example.org")


@pytest.fixture
def fleet(analyst: User, operator: User) -> None:
    make_fleet(accounts=ACCOUNTS, seed=3)


def make_fleet(*, accounts: int, seed: int) -> None:
    """A fleet that infosec has worked on: tags, who looks after what, owners asked, releases old and new."""
    call_command("seed_fleet", accounts=accounts, owners=7, seed=seed, verbosity=0)
    rng = Random(seed)
    users = list(User.objects.filter(email__in=COLLEAGUES))
    now = timezone.now()
    present = build_blueprint(settings.COMPANY)
    for summary in AccountSummary.objects.select_related("account").order_by("pk"):
        for tag in TAGS:
            if rng.random() < 0.3:
                AccountTag.objects.create(account=summary.account, name=tag)
        if rng.random() < 0.3:
            Assignment.objects.create(account=summary.account, user=rng.choice(users))
        if summary.blueprint_digest and rng.random() < 0.4:
            digest = rng.choice((present.digest, present.deployed_digest))
            AccountSummary.objects.filter(pk=summary.pk).update(blueprint_digest=digest)
        if summary.state == AccountState.NO_OWNER and rng.random() < 0.8:
            _ask(summary.account, now - timedelta(days=rng.randrange(12)), rng)


def _ask(account: AwsAccount, at: datetime, rng: Random) -> None:
    answer = rng.choice(("used_at", "revoked_at", "mail_failed_at", "sent_at", "sent_at"))
    invitation = invitations.for_later(
        User.objects.get(email=COLLEAGUES[1]), account, f"{account.number}@example.org", at
    )
    invitation.mail_due_at = None
    setattr(invitation, answer, at)
    invitation.save()


@pytest.fixture
def analyst(db: None) -> User:
    user = User.objects.create_user("analyst", "analyst@example.org")
    Member.objects.create(user=user, role=StaffRole.ANALYST)
    return user


@pytest.fixture
def operator(db: None) -> User:
    user = User.objects.create_user("operator", "operator@example.org")
    Member.objects.create(user=user, role=StaffRole.OPERATOR)
    return user


@pytest.fixture
def watching(analyst: User, sign_in: SignIn) -> Client:
    return sign_in(analyst)
