"""Pages compressed on their way, so that a slow line waits less.

What would let somebody on the line guess a secret by a page's length (BREACH) doesn't work here: Django masks
the form's token anew for each answer and Django's own compression adds some random bytes to each, which we
keep. The live page's stream passes untouched, and so does what is compressed already.
"""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.decorators import sync_and_async_middleware

Answer = Callable[[HttpRequest], HttpResponseBase]
LaterAnswer = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def CompressionMiddleware(get_response: Answer | LaterAnswer) -> Answer | LaterAnswer:  # noqa: N802 - as the others
    # Of Django's own only the step after the page: as a middleware it would give each stream a thread.
    gzip = GZipMiddleware(cast("Answer", get_response))

    def smaller(request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
        return answer if answer.streaming else gzip.process_response(request, answer)

    if iscoroutinefunction(get_response):
        ask_later = cast("LaterAnswer", get_response)

        async def later(request: HttpRequest) -> HttpResponseBase:
            return smaller(request, await ask_later(request))

        return later

    ask = cast("Answer", get_response)

    def now(request: HttpRequest) -> HttpResponseBase:
        return smaller(request, ask(request))

    return now
