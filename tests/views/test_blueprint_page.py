"""Does the page of the blueprint's versions count what its links show?"""

from django.conf import settings
from django.contrib.auth.models import User

from onboarding.blueprint import build_blueprint
from onboarding.models import AccountSummary
from onboarding.services.accounts import register
from tests.services.test_invitations_by_infosec import operator
from tests.views.conftest import SignIn

__all__ = ["operator"]


def deployed(owner: User, number: int, digest: str, version: str) -> None:
    account = register(owner, number=f"{number:012}", name=f"A{number}", contact_email="o@example.org")
    AccountSummary.objects.filter(pk=account.pk).update(blueprint_digest=digest, blueprint_version=version)


def test_each_version_leads_to_its_accounts_and_behind_are_all_but_the_present(
    operator: User, owner: User, sign_in: SignIn
) -> None:
    present = build_blueprint(settings.COMPANY)
    for number in range(1, 4):
        deployed(owner, number, "a" * 64, "2020.1")
    deployed(owner, 4, present.deployed_digest, present.version)
    # As runs before deployments were noted left it.
    deployed(owner, 5, present.digest, "")
    deployed(owner, 6, "", "")
    client = sign_in(operator)
    page = client.get("/fleet/blueprint/")
    assert "3 accounts are behind the blueprint" in page.text
    for version in page.context["versions"]:
        listed = client.get(f"/fleet/accounts/{version.query}").text
        assert listed.count('name="number"') == version.accounts
    assert client.get("/fleet/accounts/?behind=1").text.count('name="number"') == 3
    assert 'value="retry"' in page.text


def test_an_analyst_sees_it_without_the_button(staff: User, owner: User, sign_in: SignIn) -> None:
    deployed(owner, 1, "a" * 64, "2020.1")
    text = sign_in(staff).get("/fleet/blueprint/").text
    assert "1 account is behind" in text
    assert 'value="retry"' not in text


def test_where_nothing_is_behind_nothing_is_to_do(operator: User, sign_in: SignIn) -> None:
    text = sign_in(operator).get("/fleet/blueprint/").text
    assert "Every account has the present blueprint" in text
    assert "Nothing was deployed yet" in text
