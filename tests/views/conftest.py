"""The same people and runs as for the acts themselves, and a signed-in browser for each of them."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests.services.conftest import account, owner, planned, staff, stranger, surveying

__all__ = ["account", "owner", "planned", "staff", "stranger", "surveying"]

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _light_settings(settings: Settings) -> None:
    """No static files were collected, and nobody cracks a made-up password."""
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def sign_in() -> SignIn:
    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def browser(owner: User, sign_in: SignIn) -> Client:
    """The owner's."""
    return sign_in(owner)
