"""A made-up fleet, small enough for a test, and somebody of infosec who looks at it."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from onboarding.models import Member, StaffRole
from tests.views.conftest import SignIn, _light_settings, sign_in

__all__ = ["_light_settings", "sign_in"]

ACCOUNTS = 120


@pytest.fixture
def fleet(db: None) -> None:
    call_command("seed_fleet", accounts=ACCOUNTS, owners=7, seed=3, verbosity=0)


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
