"""The live page's stream: what changed since the event that the page last saw, for as long as somebody looks.

Resumed by Last-Event-ID, which browsers send by themselves, or by `?after=`. Several events that wait
are sent as one change, the first with everything. Access is checked again every half minute, and a stream
ends with a word why.
"""

from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from onboarding.views.fragments import Fragments
from onboarding.views.rooms import house, let_go_of_the_request, message, read
from onboarding.views.watchers import Watcher, may_watch

RECONNECT_MILLISECONDS = 2000
# In one process. Browsers open far fewer to one host; a page whose stream is refused loads itself again.
MOST_STREAMS_OF_A_PERSON = 30


@login_required
@require_GET
async def events(request: HttpRequest, run_id: UUID) -> HttpResponse | StreamingHttpResponse:
    user = await request.auser()
    language = get_language() or settings.LANGUAGE_CODE
    watcher = Watcher(run_id, request.session.session_key or "", language, user.pk)
    if not await read(partial(may_watch, watcher)):
        raise Http404
    if house().streams[watcher.user_id] >= MOST_STREAMS_OF_A_PERSON:
        return HttpResponse("Too many live pages are open.\n", status=429, content_type="text/plain")
    return StreamingHttpResponse(
        _stream(request, watcher, after=_cursor(request)),
        content_type="text/event-stream; charset=utf-8",
        # Proxies must neither keep nor gather what is said now.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _cursor(request: HttpRequest) -> int:
    """The last event that the page has seen; 0, and so everything, when that makes no sense."""
    given = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


async def _stream(request: HttpRequest, watcher: Watcher, *, after: int) -> AsyncIterator[bytes]:
    await let_go_of_the_request(request)
    yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
    async with house().watching(watcher) as (room, place):
        # An event's number doesn't tell what the page shows: what is read after the number may be newer.
        # So the first change brings everything.
        shown: Fragments | None = None
        while True:
            is_new = await room.something_after(place, after)
            if not place.may_stay:
                yield message("gone", "sign in again")
                return
            if not is_new:
                # Not a comment: the page sees by it that the line still holds.
                yield message("beat", "still here")
                continue
            fragments = await room.fragments(watcher.language)
            yield room.update(watcher.language, shown, fragments)
            shown, after = fragments, max(after, fragments.number)
            if fragments.is_settled:
                yield message("over", "settled")
                return
