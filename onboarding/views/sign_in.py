"""What does signing in mean here, beside what allauth does? Its adapters: roles and proofs from the identity
provider, a recent sign-in instead of a second one, and the seeds of second factors sealed at rest.
"""

import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import force_bytes
from django.utils.translation import get_language
from nacl.encoding import Base64Encoder
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from onboarding.middleware.gatekeeper import PROVIDER_ASKED, signed_in_within
from onboarding.models import StaffRole
from onboarding.models.reader import remember
from onboarding.services.people import follow_provider

# Set by the pages' script: a time zone's name, as "Europe/Berlin". Nothing but mails depends on it.
ZONE_COOKIE = "zone"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def post_login(
        self, request: HttpRequest, user: User, *, signal_kwargs: dict[str, Any] | None, **words: Any
    ) -> HttpResponse:
        sociallogin = (signal_kwargs or {}).get("sociallogin")
        if sociallogin is not None:
            _heed_provider(request, user, sociallogin)
        elif words.get("signup"):
            # The password that they chose this moment is as recent a proof as one typed in again.
            record_authentication(request, user, method="password")
        # Mails are written later, by a process that meets no browser.
        remember(user.pk, language=get_language() or "", time_zone=request.COOKIES.get(ZONE_COOKIE, ""))
        answer: HttpResponse = super().post_login(request, user, signal_kwargs=signal_kwargs, **words)
        return answer

    def is_reauthentication_required(self, **_words: Any) -> bool:
        """A recent sign-in counts too: setting up a second factor right after it asks for nothing twice."""
        return not signed_in_within(self.request, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seeds in the database, or in a dump of it, are of no use without SECRET_KEY."""

    def encrypt(self, text: str) -> str:
        return Base64Encoder.encode(bytes(_boxes()[0].encrypt(text.encode()))).decode()

    def decrypt(self, encrypted_text: str) -> str:
        for box in _boxes():
            try:
                return box.decrypt(encrypted_text.encode(), encoder=Base64Encoder).decode()
            except CryptoError:
                continue
        raise CryptoError("No SECRET_KEY or fallback opens this second factor.")


def _boxes() -> list[SecretBox]:
    """One for the present SECRET_KEY, and one for each that it replaced."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [
        SecretBox(hashlib.blake2b(force_bytes(key), digest_size=32, person=b"second-factor").digest())
        for key in keys
    ]


def _heed_provider(request: HttpRequest, user: User, sociallogin: SocialLogin) -> None:
    """Take over what the provider says of them: a second factor for this session, groups for the role."""
    provider = settings.IDENTITY_PROVIDER
    if provider is None:
        return
    data = sociallogin.account.extra_data
    # What was asked for at sign-in stands in the ID token; groups may stand in either.
    token, everything = data.get("id_token", {}), {**data.get("id_token", {}), **data.get("userinfo", {})}
    request.session[PROVIDER_ASKED] = bool(_words(token.get(provider.mfa_claim)) & provider.mfa_values)
    roles = {group: StaffRole(role) for group, role in provider.group_roles.items()}
    if roles:
        follow_provider(user, _words(everything.get(provider.groups_claim)), roles)


def _words(claim: object) -> frozenset[str]:
    """A claim's values: a list of them, or one."""
    values = claim if isinstance(claim, list) else [claim]
    return frozenset(str(value) for value in values if value)
