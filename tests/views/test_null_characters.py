"""A null character in an address or a form breaks no page: PostgreSQL refuses to compare or to store one."""

import pytest
from django.contrib.auth.models import User

from onboarding.models import AwsAccount
from tests.services.test_invitations_by_infosec import operator
from tests.views.conftest import SignIn

__all__ = ["operator"]


@pytest.mark.parametrize(
    "address",
    [
        "/fleet/invitations/?q=%00",
        "/fleet/invitations/?state=unasked&q=%00",
        "/fleet/invitations/new/?number=%00",
        "/fleet/accounts/?search=%00a&tag=%00&assigned=%00&region=%00&remedy=%00",
        "/fleet/accounts/?after=%00~2026-01-01",
        "/fleet/accounts/?sort=number&after=%00",
        "/fleet/map/?after=%00",
        "/audit/?q=%00&kind=%00&account=%00&actor=%00&before=%00",
    ],
)
def test_in_an_address(account: AwsAccount, operator: User, sign_in: SignIn, address: str) -> None:
    assert sign_in(operator).get(address).status_code in {200, 404}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/fleet/accounts/{}/desk/", {"act": "note", "text": "a\x00b"}),
        ("/fleet/accounts/{}/desk/", {"act": "tag", "tag": "a\x00b"}),
        ("/fleet/accounts/{}/desk/", {"act": "untag", "tag": "a\x00b"}),
        ("/fleet/accounts/views/", {"name": "a\x00b", "query": "?search=%00"}),
        ("/fleet/accounts/bulk/", {"act": "remind", "number": "a\x00b"}),
        ("/fleet/accounts/bulk/", {"act": "untag", "tag": "a\x00b", "all": "1"}),
    ],
)
def test_in_a_form(
    account: AwsAccount, operator: User, sign_in: SignIn, path: str, form: dict[str, str]
) -> None:
    assert sign_in(operator).post(path.format(account.number), form).status_code == 302
