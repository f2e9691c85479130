"""What may a report of an error show of a request? Neither what was sent nor what our functions held.

A pasted credential lies in the local variables of every function that reads it. Marking each as sensitive
would be forgotten once; so no report shows any, in development neither.
"""

import re
from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest, QueryDict
from django.views.debug import SafeExceptionReporterFilter


class SilentReporterFilter(SafeExceptionReporterFilter):
    """For settings.DEFAULT_EXCEPTION_REPORTER_FILTER. Names are shown, values never."""

    # Beside Django's own words: addresses hold passwords.
    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|URL|DATABASES|CACHES|LOCATION|EMAIL|CUSTODY",
        re.IGNORECASE,
    )

    def is_active(self, request: HttpRequest | None) -> bool:  # noqa: ARG002 - Django's signature
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        sent = request.POST if request is not None else QueryDict()
        return dict.fromkeys(sent, self.cleansed_substitute)

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        return dict.fromkeys(request.COOKIES, self.cleansed_substitute)

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        del request
        return dict.fromkeys(tb_frame.f_locals, self.cleansed_substitute).items()
