"""Where does a request come from? For the audit log, and nothing else.

allauth answers it, as for its rate limits, by ALLAUTH_TRUSTED_PROXY_COUNT: what an untrusted proxy claims
isn't believed.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import cast

from allauth.account.adapter import get_adapter
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from onboarding.models.audit import request_address

Answer = Callable[[HttpRequest], HttpResponseBase]
LaterAnswer = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


def _address_of(request: HttpRequest) -> str:
    try:
        return str(get_adapter(request).get_client_ip(request))[:45]
    except PermissionDenied:
        # Over a local socket there is none.
        return ""


@contextmanager
def _known(request: HttpRequest) -> Iterator[None]:
    token = request_address.set(_address_of(request))
    try:
        yield
    finally:
        request_address.reset(token)


@sync_and_async_middleware
def AddressMiddleware(get_response: Answer | LaterAnswer) -> Answer | LaterAnswer:  # noqa: N802 - as the others
    if iscoroutinefunction(get_response):
        ask_later = cast("LaterAnswer", get_response)

        async def later(request: HttpRequest) -> HttpResponseBase:
            with _known(request):
                return await ask_later(request)

        return later

    ask = cast("Answer", get_response)

    def now(request: HttpRequest) -> HttpResponseBase:
        with _known(request):
            return ask(request)

    return now
