"""Pages compressed on their way, so that a slow line waits less.

What would let somebody on the line guess a secret by a page's length (BREACH) doesn't work here: Django masks
the form's token anew for each answer, and some random bytes are added to each, as Django's own compression
does. That one isn't used because it takes pains that cost long tables, which are the heavy pages, several
times what they save of them. The live page's stream passes untouched, and so does what is compressed already.
"""

import gzip
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

Answer = Callable[[HttpRequest], HttpResponseBase]
LaterAnswer = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


# Smaller answers aren't worth it.
LEAST_BYTES = 200
MOST_RANDOM_BYTES = 100
# Of 9: half of what more pains would save beyond it, for a quarter of the time.
PAINS = 3
_TAKES_GZIP = re.compile(r"\bgzip\b")
_HAS_NAME = 0b1000


@sync_and_async_middleware
def CompressionMiddleware(get_response: Answer | LaterAnswer) -> Answer | LaterAnswer:  # noqa: N802 - as the others
    if iscoroutinefunction(get_response):
        ask_later = cast("LaterAnswer", get_response)

        async def later(request: HttpRequest) -> HttpResponseBase:
            return smaller(request, await ask_later(request))

        return later

    ask = cast("Answer", get_response)

    def now(request: HttpRequest) -> HttpResponseBase:
        return smaller(request, ask(request))

    return now


def smaller(request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
    if not isinstance(answer, HttpResponse) or answer.has_header("Content-Encoding"):
        return answer
    content = answer.content
    if len(content) < LEAST_BYTES:
        return answer
    patch_vary_headers(answer, ("Accept-Encoding",))
    if not _TAKES_GZIP.search(request.META.get("HTTP_ACCEPT_ENCODING", "")):
        return answer
    compressed = with_a_random_length(gzip.compress(content, compresslevel=PAINS, mtime=0))
    if len(compressed) >= len(content):
        return answer
    answer.content = compressed
    answer.headers["Content-Length"] = str(len(compressed))
    tag = answer.get("ETag", "")
    if tag.startswith('"'):
        # Not the same bytes any more: what is compressed may only be said to mean the same.
        answer.headers["ETag"] = f"W/{tag}"
    answer.headers["Content-Encoding"] = "gzip"
    return answer


def with_a_random_length(compressed: bytes) -> bytes:
    """With the name of a file in its head, which nobody reads: of 1 to MOST_RANDOM_BYTES letters."""
    head = bytearray(compressed[:10])
    head[3] |= _HAS_NAME
    name = b"a" * (1 + secrets.randbelow(MOST_RANDOM_BYTES))
    return bytes(head) + name + b"\x00" + compressed[10:]
