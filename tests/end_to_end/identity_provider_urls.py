"""The provider's pages and claims: django-oauth-toolkit's own, and Django's sign-in."""

from typing import Any

from django.contrib.auth import views
from django.template import engines
from django.urls import include, path
from oauth2_provider.oauth2_validators import OAuth2Validator

from tests.end_to_end.identity_provider import PEOPLE


class Claims(OAuth2Validator):  # type: ignore[misc]
    """What the company tells of its people, beside `sub`."""

    oidc_claim_scope = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        groups, proofs = PEOPLE[request.user.username]
        return {
            "email": request.user.email,
            "email_verified": True,
            "preferred_username": request.user.username,
            "groups": groups,
            "amr": proofs,
        }


class SignIn(views.LoginView):
    def render_to_response(self, context: dict[str, Any], **_words: Any) -> Any:
        from django.http import HttpResponse

        page = engines["django"].from_string(
            "<!DOCTYPE html><html lang='en'><title>Company</title><link rel='icon' href='data:,'>"
            "<form method='post'>{% csrf_token %}{{ form.as_p }}"
            "<input type='hidden' name='next' value='{{ next }}'><button>Sign in</button></form></html>"
        )
        return HttpResponse(page.render(context, self.request))


urlpatterns = [
    path("login/", SignIn.as_view()),
    path("", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
