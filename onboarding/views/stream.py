"""The live page's stream: what changed since the event that the page last saw, for as long as somebody looks.

Resumed by Last-Event-ID, which browsers send by themselves, or by `?after=`. Several events that wait
are sent as one change. Access is checked again every half minute, and a stream ends with a word why.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.sessions.backends.base import SessionBase
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.module_loading import import_string
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from onboarding.middleware.gatekeeper import user_of_session
from onboarding.models import Run
from onboarding.views.fragments import Fragments, changes
from onboarding.views.rooms import house, let_go_of_the_request, read

HEARTBEAT_SECONDS = 15.0
ACCESS_CHECK_SECONDS = 30.0
RECONNECT_MILLISECONDS = 2000
# In one process. Browsers open far fewer to one host; a page whose stream is refused loads itself again.
MOST_STREAMS_OF_A_PERSON = 30


@dataclass(frozen=True, slots=True)
class Watcher:
    run_id: UUID
    session_key: str
    language: str
    user_id: int | None = None


@login_required
@require_GET
async def events(request: HttpRequest, run_id: UUID) -> HttpResponse | StreamingHttpResponse:
    user = await request.auser()
    language = get_language() or settings.LANGUAGE_CODE
    watcher = Watcher(run_id, request.session.session_key or "", language, user.pk)
    if not await read(partial(_may_watch, watcher)):
        raise Http404
    if house().streams[watcher.user_id] >= MOST_STREAMS_OF_A_PERSON:
        return HttpResponse("Too many live pages are open.\n", status=429, content_type="text/plain")
    return StreamingHttpResponse(
        _stream(watcher, after=_cursor(request)),
        content_type="text/event-stream; charset=utf-8",
        # Proxies must neither keep nor gather what is said now.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _cursor(request: HttpRequest) -> int:
    """The last event that the page has seen; 0, and so everything, when that makes no sense."""
    given = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


async def _stream(watcher: Watcher, *, after: int) -> AsyncIterator[str]:
    await let_go_of_the_request()
    yield f"retry: {RECONNECT_MILLISECONDS}\n\n"
    shown: Fragments | None = None
    check_at = time.monotonic() + ACCESS_CHECK_SECONDS
    async with house().watching(watcher.run_id, watcher.user_id) as room:
        while True:
            if await room.something_after(after, timeout_seconds=HEARTBEAT_SECONDS):
                fragments = await room.fragments(watcher.language)
                yield message("fragments", "\n".join(changes(shown, fragments)), number=fragments.number)
                shown, after = fragments, max(after, fragments.number)
                if fragments.is_settled:
                    yield message("over", "settled")
                    return
            else:
                yield ": still here\n\n"
            if time.monotonic() >= check_at:
                if not await read(partial(_may_watch, watcher)):
                    yield message("gone", "sign in again")
                    return
                check_at = time.monotonic() + ACCESS_CHECK_SECONDS


def message(kind: str, text: str, *, number: int | None = None) -> str:
    """One server-sent event. A line break in the text begins a further data line."""
    lines = [f"id: {number}"] if number is not None else []
    lines += [f"event: {kind}", *(f"data: {line}" for line in text.splitlines() or [""])]
    return "\n".join(lines) + "\n\n"


def _may_watch(watcher: Watcher) -> bool:
    """Asked anew of the database: signed out, locked out or no longer an owner ends the stream."""
    request = HttpRequest()
    request.session = _session(watcher.session_key)
    return Run.objects.visible_to(user_of_session(request)).filter(pk=watcher.run_id).exists()


def _session(key: str) -> SessionBase:
    store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    return store(key)
