"""Is the identity provider taken from the environment whole, or not at all?"""

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from onboarding.models import StaffRole
from portal.identity import ROLES, identity_provider_from, providers_of

WHOLE = {
    "OIDC_ISSUER_URL": "https://id.example.org/realms/corp/",
    "OIDC_CLIENT_ID": "portal",
    "OIDC_CLIENT_SECRET": "made-up",
    "OIDC_GROUP_ROLES": "ops=operator,audit=auditor",
}


class Environment(environ.Env):  # type: ignore[misc]
    def __init__(self, **variables: str) -> None:
        super().__init__()
        self.ENVIRON = variables


def test_without_an_issuer_there_is_none() -> None:
    assert identity_provider_from(Environment()) is None
    assert providers_of(None) == {}


def test_a_whole_one_is_taken_as_it_is_and_its_secret_is_not_printed() -> None:
    provider = identity_provider_from(Environment(**WHOLE))
    assert provider is not None
    assert provider.origin == "https://id.example.org"
    assert provider.group_roles == {"ops": "operator", "audit": "auditor"}
    assert provider.mfa_values == {"mfa"}
    assert "made-up" not in repr(provider)
    [app] = providers_of(provider)["openid_connect"]["APPS"]
    assert app["settings"]["server_url"] == "https://id.example.org/realms/corp"


@pytest.mark.parametrize("missing", ["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"])
def test_half_of_one_stops_the_start_and_names_what_is_missing(missing: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=missing):
        identity_provider_from(Environment(**{name: WHOLE[name] for name in WHOLE if name != missing}))


def test_a_role_that_is_none_of_ours_stops_the_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="admin"):
        identity_provider_from(Environment(**WHOLE | {"OIDC_GROUP_ROLES": "ops=admin"}))


def test_the_roles_known_here_are_the_models() -> None:
    assert set(StaffRole.values) == ROLES
