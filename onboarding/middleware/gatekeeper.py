"""Is this person, in this session, proven enough for what they ask? Who isn't is led there, not turned away.

Two proofs beside the sign-in: a second factor, for infosec staff who look at other teams' accounts; and a
recent sign-in, before what is dangerous. A request that needs one of them raises; `Gatekeeper` redirects to
where it is given, and back. What was posted is never kept on the way: it may be somebody's credentials.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from onboarding.models.people import AnyUser, mark_second_factor, role_of
from portal.identity import PROVIDER_ID

# In the session: whether the identity provider said that it asked for a second factor.
PROVIDER_ASKED = "provider_asked_second_factor"

View = Callable[..., HttpResponse]


class SecondFactorNeeded(Exception):
    """Infosec staff ask for something that only a session with a second factor may see."""


class RecentSignInNeeded(Exception):
    """The last proof of who this is lies too long ago. `back` is the page to return to."""

    def __init__(self, back: str) -> None:
        super().__init__()
        self.back = back


class Gatekeeper(MiddlewareMixin):
    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        match exception:
            case SecondFactorNeeded():
                back = request.get_full_path() if request.method in {"GET", "HEAD"} else reverse("front")
                return redirect(f"{reverse('second-factor')}?{urlencode({'next': back})}")
            case RecentSignInNeeded():
                return redirect(f"{_where_to_prove(request)}?{urlencode({'next': exception.back})}")
            case _:
                return None


def passed_second_factor(request: HttpRequest, *, has_factor: bool | None = None) -> bool:
    """Whether this session proved one: the user's own, or the identity provider's by its own word.

    `has_factor`, if the caller has just asked the database: whether the user has any of their own.
    """
    user = request.user
    if not user.is_authenticated:
        return False
    if request.session.get(PROVIDER_ASKED) is True:
        return True
    proven = any(record.get("method") == "mfa" for record in get_authentication_records(request, user))
    # A factor that was taken away since proves nothing any more.
    return proven and (is_mfa_enabled(user) if has_factor is None else has_factor)


def marked(request: HttpRequest, user: AnyUser) -> AnyUser:
    """The user with the note whether this session proved a second factor; only staff are worth asking."""
    return mark_second_factor(user, passed=role_of(user) is not None and passed_second_factor(request))


def demand_second_factor(request: HttpRequest) -> None:
    """Raises SecondFactorNeeded for staff who haven't proven one. Everybody else has no need of it."""
    if role_of(request.user) is not None and not passed_second_factor(request):
        raise SecondFactorNeeded


def signed_in_within(request: HttpRequest, seconds: float) -> bool:
    """Whether any proof of who this is (password, passkey, code, identity provider) is that young."""
    records = get_authentication_records(request, request.user if request.user.is_authenticated else None)
    newest = max((float(record.get("at", 0)) for record in records), default=0.0)
    return time.time() - newest < seconds


def demand_recent_sign_in(request: HttpRequest, *, back: str = "") -> None:
    """Raises RecentSignInNeeded. A page's form may take as long again as the page."""
    timeout = settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    is_read = request.method in {"GET", "HEAD"}
    if not signed_in_within(request, timeout if is_read else 2 * timeout):
        if not is_read:
            messages.info(
                request,
                _("Please prove first that it is you. Nothing of what you sent was kept: send it again."),
            )
        raise RecentSignInNeeded(back or request.path)


def recent_sign_in_required(view: View) -> View:
    """For views whose address can be visited again with GET."""

    @wraps(view)
    def guarded(request: HttpRequest, *words: Any, **named: Any) -> HttpResponse:
        if request.user.is_authenticated:
            demand_recent_sign_in(request)
        return view(request, *words, **named)

    return guarded


def user_of_session(request: HttpRequest) -> Any:
    """The session's user, asked anew of the database, and marked: for what outlives a request."""
    request.user = get_user(request)
    return marked(request, request.user)


def _where_to_prove(request: HttpRequest) -> str:
    """The user's own password or factor; who has neither goes to the provider again, or gets a password."""
    ways = get_adapter().get_reauthentication_methods(request.user)
    if ways:
        return str(ways[0]["url"])
    if settings.IDENTITY_PROVIDER is not None:
        return reverse("openid_connect_login", args=[PROVIDER_ID])
    return reverse("account_reset_password")
