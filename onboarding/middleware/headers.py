"""Which headers does every answer carry, whatever made it? Those that Django and django-csp don't set."""

from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

# What a page may ask of the browser's hardware: nothing.
_NO_DEVICES = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class HeadersMiddleware(MiddlewareMixin):
    """Outermost, so that refusals by other middleware carry them too."""

    def process_response(
        self,
        request: HttpRequest,  # noqa: ARG002 - middleware has this signature
        response: HttpResponseBase,
    ) -> HttpResponseBase:
        # Pages show account numbers, ExternalIds and plans: no browser or proxy keeps any. Static files say
        # for themselves how long they last.
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", _NO_DEVICES)
        return response
