"""Who watches a run's live page, and may they still?

A page stays open for hours, while somebody signs out, is locked out, or is no owner any more. So it is asked
anew of the database, of many watchers in one go: a connection for each would cost more than all else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import Error
from django.http import HttpRequest
from django.utils.module_loading import import_string

from onboarding.middleware.gatekeeper import user_of_session
from onboarding.models import Run


@dataclass(frozen=True, slots=True)
class Watcher:
    run_id: UUID
    session_key: str
    language: str
    user_id: int | None = None


def may_watch(watcher: Watcher) -> bool:
    """Whether the session, as the database knows it now, is that of somebody who may see the run."""
    request = HttpRequest()
    request.session = _session(watcher.session_key)
    return Run.objects.visible_to(user_of_session(request)).filter(pk=watcher.run_id).exists()


def refused_among(watchers: Iterable[Watcher]) -> set[Watcher]:
    """Those who may not watch any more. While the database is away, nobody is judged."""
    refused = set()
    for watcher in watchers:
        try:
            if not may_watch(watcher):
                refused.add(watcher)
        except Error:
            break
    return refused


def _session(key: str) -> SessionBase:
    store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    return store(key)
