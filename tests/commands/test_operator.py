"""Does the first operator come from the terminal, with a link and without a password?"""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from onboarding.models import AuditRecord, StaffRole
from onboarding.models.people import role_of

pytestmark = pytest.mark.django_db
PASSWORD = "made-up-and-long-7351"


def test_a_new_operator_sets_a_password_once_with_the_printed_link(
    capsys: pytest.CaptureFixture[str], client: Client, settings: Settings
) -> None:
    settings.WHITENOISE_AUTOREFRESH = True
    call_command("operator", "First@Example.org", "--role", "operator")
    user = User.objects.get()
    assert role_of(user) == StaffRole.OPERATOR
    assert not user.has_usable_password()
    found = re.search(r"http://localhost:8000(/\S+)", capsys.readouterr().out)
    assert found
    form = client.get(found[1]).headers["Location"]
    client.post(form, {"password1": PASSWORD, "password2": PASSWORD})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert "has been used" in Client().get(found[1]).text
    assert [record.data["role"] for record in AuditRecord.objects.filter(kind="role.given")] == ["operator"]


def test_a_user_who_is_there_is_promoted_and_keeps_their_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    user = User.objects.create_user("known", "known@example.org", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    for words in ("known@example.org: auditor.", "was auditor already"):
        call_command("operator", "known@example.org", "--role", "auditor")
        said = capsys.readouterr().out
        assert words in said
        assert "password" not in said
    call_command("operator", "known@example.org", "--role", "none")
    assert role_of(user) is None


def test_who_never_confirmed_the_address_is_not_promoted() -> None:
    """Somebody else may have signed up with it, and would know the password."""
    user = User.objects.create_user("squatter", "boss@example.org", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    with pytest.raises(CommandError, match="has not confirmed it"):
        call_command("operator", "boss@example.org", "--role", "superuser")
    assert role_of(user) is None


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(CommandError, match="valid email"):
        call_command("operator", "boss", "--role", "superuser")
