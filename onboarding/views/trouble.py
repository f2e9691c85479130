"""What does a person see when our side fails? Where the database is away, that, and that it passes.

Asks the database nothing itself, and knows nobody: a page that could break would show nothing at all.
"""

import sys

from django.db import DataError, Error, IntegrityError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

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
