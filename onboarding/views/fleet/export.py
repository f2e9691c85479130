"""The list of accounts as a file: exactly what its filters show, however many there are."""

from collections.abc import AsyncIterator, Callable, Iterator

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from onboarding.fleet.export import csv_parts, json_parts
from onboarding.fleet.filters import Filters
from onboarding.models import AccountSummary
from onboarding.models.audit import AuditKind, append
from onboarding.models.summary import AccountSummaryQuerySet
from onboarding.views.access import infosec
from onboarding.views.rooms import let_go_of_the_request, read

Parts = Callable[[AccountSummaryQuerySet], Iterator[str]]


@never_cache
@login_required
@require_GET
async def accounts_csv(request: HttpRequest) -> StreamingHttpResponse:
    return await _file(request, csv_parts, "csv", "text/csv; charset=utf-8")


@never_cache
@login_required
@require_GET
async def accounts_json(request: HttpRequest) -> StreamingHttpResponse:
    return await _file(request, json_parts, "json", "application/json")


async def _file(request: HttpRequest, parts: Parts, ending: str, kind: str) -> StreamingHttpResponse:
    wanted = await sync_to_async(_wanted)(request, ending)
    return StreamingHttpResponse(
        _sent(request, parts(wanted)),
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="accounts.{ending}"'},
    )


def _wanted(request: HttpRequest, ending: str) -> AccountSummaryQuerySet:
    """That the file was taken is on record: it holds many people's addresses."""
    user = infosec(request)
    filters = Filters.from_query(request.GET)
    append(AuditKind.LIST_EXPORTED, actor_id=user.pk, format=ending, filters=filters.as_query())
    return filters.apply(AccountSummary.objects.visible_to(user), timezone.now())


async def _sent(request: HttpRequest, parts: Iterator[str]) -> AsyncIterator[str]:
    """No connection to the database is held while a slow reader takes the last part."""
    await let_go_of_the_request(request)
    while part := await read(lambda: next(parts, "")):
        yield part
