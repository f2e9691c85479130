"""What does a person see who can't be shown what they asked for?

When our side fails: where the database is away, that, and that it passes. That page asks the database nothing
itself, and knows nobody: one that could break would show nothing at all.
"""

import sys

from django.db import DataError, Error, IntegrityError, connection
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

# Browsers show the page; programs and load balancers wait so long.
RETRY_AFTER_SECONDS = 10


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's handler has this signature
    """Django's handler500: called while the error is being handled."""
    error = sys.exc_info()[1]
    # These two say that we asked for something wrong, not that the database can't answer.
    if isinstance(error, Error) and not isinstance(error, (IntegrityError, DataError)):
        answer = HttpResponse(render_to_string("503.html"), status=503)
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer
    return HttpResponse(render_to_string("500.html"), status=500)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    try:
        return defaults.page_not_found(request, exception)
    finally:
        _let_go_of_the_database()


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    try:
        return defaults.permission_denied(request, exception)
    finally:
        _let_go_of_the_database()


def _let_go_of_the_database() -> None:
    """Under ASGI Django calls these on a thread of the event loop's, which the end of no request reaches.

    A connection left open there would serve all that come later, even when the server has long closed it.
    """
    if not connection.in_atomic_block:
        connection.close()
