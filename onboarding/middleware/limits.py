"""How often may somebody send forms? Every form has a limit, also one that nobody thought of.

Counted by allauth, which limits sign-in alike: per user, and per address for who isn't signed in. The numbers
stand in settings.ACCOUNT_RATE_LIMITS.
"""

from collections.abc import Callable
from typing import Any

from allauth.core import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

ANY_FORM, ANY_FORM_OF_A_VISITOR = "any_form", "any_form_of_a_visitor"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
RETRY_AFTER_SECONDS = 60


def action_of(url_name: str) -> str:
    """What a form's own limit is called in the settings, by its page's name."""
    return f"form:{url_name}"


class FormLimitsMiddleware(MiddlewareMixin):
    """Below the one that knows the user. Answers 429 instead of the view."""

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],  # noqa: ARG002 - middleware has this signature
        args: tuple[Any, ...],  # noqa: ARG002
        kwargs: dict[str, Any],  # noqa: ARG002
    ) -> HttpResponseBase | None:
        if request.method in _SAFE_METHODS:
            return None
        if not request.user.is_authenticated:
            actions = [ANY_FORM_OF_A_VISITOR]
        else:
            own = action_of(request.resolver_match.url_name or "") if request.resolver_match else ""
            actions = [own, ANY_FORM] if own in settings.ACCOUNT_RATE_LIMITS else [ANY_FORM]
        if all(ratelimit.consume(request, action=action) for action in actions):
            return None
        response: HttpResponseBase = ratelimit.respond_429(request)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
