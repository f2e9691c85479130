"""The same people and runs as for the acts themselves, and a signed-in browser for each of them."""

import time
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from onboarding.models import Run
from onboarding.models.people import role_of
from onboarding.planning import Plan
from tests.services.conftest import account, owner, planned, staff, stranger, surveying

__all__ = ["account", "owner", "planned", "staff", "stranger", "surveying"]

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _light_settings(settings: Settings) -> None:
    """No static files were collected, and nobody cracks a made-up password."""
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def prove(client: Client, user: User, *, second_factor: bool, seconds_ago: float = 0) -> None:
    """Note in the session what a sign-in by allauth's pages notes there."""
    records: list[dict[str, object]] = [{"method": "password", "at": time.time() - seconds_ago}]
    if second_factor:
        factor = Authenticator.objects.filter(user=user).first() or TOTP.activate(user, "A" * 32).instance
        records.append(
            {"method": "mfa", "id": factor.pk, "type": factor.type, "at": time.time() - seconds_ago}
        )
    session = client.session
    session["account_authentication_methods"] = records
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


@pytest.fixture
def sign_in() -> SignIn:
    """Just now, and infosec staff with a second factor."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        prove(client, user, second_factor=role_of(user) is not None)
        return client

    return signed_in


@pytest.fixture
def browser(owner: User, sign_in: SignIn) -> Client:
    """The owner's."""
    return sign_in(owner)


def consent(run: Run) -> dict[str, object]:
    """What the plan's page sends when its owner ticked every deletion."""
    plan = Plan.from_json(run.plan or {})
    return {"digest": plan.digest, "tick": [step.ordinal for step in plan.deletions]}
