"""How do people sign in through the company's identity provider? From the environment, by OpenID Connect.

OIDC_ISSUER_URL     where the provider's `/.well-known/openid-configuration` is; nothing set: no provider
OIDC_NAME           what the button says
OIDC_CLIENT_ID      as the provider knows the portal
OIDC_CLIENT_SECRET  the same
OIDC_GROUPS_CLAIM   the claim that lists a person's groups (groups)
OIDC_GROUP_ROLES    which group gives which role: infosec-ops=operator,audit=auditor
OIDC_MFA_CLAIM      the claim of the ID token that tells of a second factor (amr)
OIDC_MFA_VALUES     the values there that mean: a second factor was asked for (mfa)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

PROVIDER_ID = "company"
# As onboarding.models.people.StaffRole; settings can't import models.
ROLES = frozenset({"analyst", "operator", "auditor", "superuser"})


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    name: str
    issuer_url: str
    client_id: str
    client_secret: str = field(repr=False)
    groups_claim: str
    group_roles: Mapping[str, str]
    mfa_claim: str
    mfa_values: frozenset[str]

    @property
    def origin(self) -> str:
        parts = urlsplit(self.issuer_url)
        return f"{parts.scheme}://{parts.netloc}"


def identity_provider_from(env: environ.Env) -> IdentityProvider | None:
    """The provider that the environment names. Raises ImproperlyConfigured when half of it is there."""
    issuer_url = env.str("OIDC_ISSUER_URL", default="")
    if not issuer_url:
        return None
    client_id = env.str("OIDC_CLIENT_ID", default="")
    client_secret = env.str("OIDC_CLIENT_SECRET", default="")
    if not client_id or not client_secret:
        raise ImproperlyConfigured(
            "OIDC_ISSUER_URL is set: OIDC_CLIENT_ID and OIDC_CLIENT_SECRET must be too."
        )
    group_roles = env.dict("OIDC_GROUP_ROLES", default={})
    if unknown := set(group_roles.values()) - ROLES:
        raise ImproperlyConfigured(f"OIDC_GROUP_ROLES names no role of ours: {', '.join(sorted(unknown))}.")
    return IdentityProvider(
        name=env.str("OIDC_NAME", default="single sign-on"),
        issuer_url=issuer_url.rstrip("/"),
        client_id=client_id,
        client_secret=client_secret,
        groups_claim=env.str("OIDC_GROUPS_CLAIM", default="groups"),
        group_roles=group_roles,
        mfa_claim=env.str("OIDC_MFA_CLAIM", default="amr"),
        mfa_values=frozenset(env.list("OIDC_MFA_VALUES", default=["mfa"])),
    )


def providers_of(provider: IdentityProvider | None) -> dict[str, Any]:
    """The same in allauth's words."""
    if provider is None:
        return {}
    app = {
        "provider_id": PROVIDER_ID,
        "name": provider.name,
        "client_id": provider.client_id,
        "secret": provider.client_secret,
        "settings": {"server_url": provider.issuer_url},
    }
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}
