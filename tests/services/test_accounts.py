"""An account is registered once; whoever comes second is told so."""

import pytest
from django.contrib.auth.models import User

from onboarding.models import AwsAccount
from onboarding.models.audit import AuditKind, AuditRecord
from onboarding.services.accounts import AlreadyRegistered, NotAnAccount, register

DETAILS = {"number": "484535289196", "name": "IT", "contact_email": "it@example.org"}


def test_registering_makes_the_user_an_owner_and_gives_the_account_its_own_external_id(owner: User) -> None:
    first = register(owner, **DETAILS)
    second = register(owner, **{**DETAILS, "number": "111122223333"})
    assert first.ownerships.get().user == owner
    assert len(first.external_id) >= 36
    assert first.external_id != second.external_id


def test_the_same_user_gets_their_account_back_as_it_was(owner: User) -> None:
    first = register(owner, **DETAILS)
    again = register(owner, **{**DETAILS, "name": "Community IT"}, ticket_url="https://tickets.example.org/1")
    assert (again.pk, again.external_id) == (first.pk, first.external_id)
    assert (again.name, again.ticket_url) == ("IT", "")
    assert again.ownerships.count() == 1
    assert AuditRecord.objects.filter(kind=AuditKind.ACCOUNT_REGISTERED).count() == 1


def test_another_users_account_is_refused_and_stays_as_it_is(owner: User, stranger: User) -> None:
    register(owner, **DETAILS)
    with pytest.raises(AlreadyRegistered):
        register(stranger, **{**DETAILS, "name": "Mine"})
    assert AwsAccount.objects.get().name == "IT"


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "12345"},
        {"number": "12345678901a"},
        {"number": "484535289196\n"},
        {"name": ""},
        {"contact_email": "nobody"},
        {"ticket_url": "javascript:alert(1)"},
    ],
)
def test_what_cannot_be_an_account_is_refused(owner: User, wrong: dict[str, str]) -> None:
    with pytest.raises(NotAnAccount):
        register(owner, **{**DETAILS, **wrong})
    assert not AwsAccount.objects.exists()
