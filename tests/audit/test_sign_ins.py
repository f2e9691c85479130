"""Whoever signs in, tries to or leaves is on record, by whatever door they come."""

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import password_changed
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from onboarding.models import AuditRecord
from onboarding.models.audit import request_address

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _light_settings(settings: Settings) -> None:
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def user(_light_settings: None, django_user_model: type[User]) -> User:
    user = django_user_model.objects.create_user("owner", "owner@example.org", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


def sign_in(client: Client, password: str, **headers: str) -> None:
    client.post(
        reverse("account_login"), {"login": "owner@example.org", "password": password}, headers=headers
    )


def test_signing_in_by_the_page_is_on_record_with_the_address_it_came_from(
    user: User, client: Client
) -> None:
    sign_in(client, PASSWORD)
    record = AuditRecord.objects.get()
    assert (record.kind, record.actor_id, record.actor) == ("sign_in.done", user.pk, "owner@example.org")
    assert record.ip == "127.0.0.1"
    assert record.data == {"by": ["password"]}
    assert request_address.get() == ""


def test_a_wrong_password_is_on_record_without_the_password(user: User, client: Client) -> None:
    sign_in(client, "wrong-wrong-wrong")
    record = AuditRecord.objects.get()
    assert (record.kind, record.actor_id) == ("sign_in.failed", user.pk)
    assert record.data == {"address": "owner@example.org"}
    assert "wrong" not in str(AuditRecord.objects.values())


def test_a_password_typed_as_a_name_is_not_kept(django_user_model: type[User], client: Client) -> None:
    client.post(reverse("account_login"), {"login": PASSWORD, "password": "x"})
    assert PASSWORD not in str(list(AuditRecord.objects.values()))


def test_signing_out_is_on_record(user: User, client: Client) -> None:
    client.force_login(user)
    client.post(reverse("account_logout"))
    assert [record.kind for record in AuditRecord.objects.order_by("id")] == ["sign_in.done", "sign_in.ended"]


def test_a_changed_password_is_on_record(user: User, client: Client) -> None:
    password_changed.send(sender=User, request=None, user=user)
    assert AuditRecord.objects.get().data == {"what": "password changed"}


def test_a_forged_address_is_not_believed_without_a_trusted_proxy(
    user: User, client: Client, settings: Settings
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    sign_in(client, PASSWORD, x_forwarded_for="203.0.113.7")
    assert AuditRecord.objects.get().ip == "127.0.0.1"


def test_the_address_behind_a_trusted_proxy_is_the_visitors(
    user: User, client: Client, settings: Settings
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    sign_in(client, PASSWORD, x_forwarded_for="203.0.113.7")
    assert AuditRecord.objects.get().ip == "203.0.113.7"
