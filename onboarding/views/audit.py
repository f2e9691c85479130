"""What happened here, and who did it? An account's part of the audit log for its owners, all for auditors.

The addresses that people came from are shown to auditors alone. Whether the log is whole isn't asked here:
the web side has no key for that. `manage.py audit verify` answers it.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from onboarding.audit.export import chosen, chunks
from onboarding.middleware.gatekeeper import demand_second_factor
from onboarding.models import AuditRecord, AwsAccount
from onboarding.models.audit import AuditKind, AuditRecords, append
from onboarding.models.people import READS_AUDIT_LOG, role_of
from onboarding.views.access import signed_in
from onboarding.views.rooms import let_go_of_the_request, read

RECORDS_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One record, as it is shown."""

    at: datetime
    who: str
    what: str
    account_number: str
    address: str
    # What it was about, in a few words; empty where the pairs are few enough to be read at once.
    about: str
    pairs: tuple[tuple[str, str], ...]
    sequence: int | None


@dataclass(frozen=True, slots=True)
class Page:
    lines: tuple[Line, ...]
    # The address's query for the next, older page; empty on the last.
    older: str


@login_required
@require_safe
def account_audit(request: HttpRequest, number: str) -> HttpResponse:
    account, is_auditor = _account(request, number)
    context = {
        "account": account,
        "is_auditor": is_auditor,
        "page": _page(request, chosen(account_id=account.pk, for_owner=not is_auditor)),
        "export": reverse("account-audit-export", args=[account.number]),
    }
    return render(request, "audit/audit.html", context)


@login_required
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    demand_auditor(request)
    context = {"is_auditor": True, "page": _page(request, chosen()), "export": reverse("audit-export")}
    return render(request, "audit/audit.html", context)


@never_cache
@login_required
@require_GET
async def account_audit_export(request: HttpRequest, number: str) -> StreamingHttpResponse:
    account, is_auditor = await sync_to_async(_account)(request, number)
    return await _export(request, account, with_address=is_auditor)


@never_cache
@login_required
@require_GET
async def audit_export(request: HttpRequest) -> StreamingHttpResponse:
    await sync_to_async(demand_auditor)(request)
    return await _export(request, None, with_address=True)


def demand_auditor(request: HttpRequest) -> None:
    """404 for who may not read the whole log. Raises SecondFactorNeeded."""
    if role_of(signed_in(request)) not in READS_AUDIT_LOG:
        raise Http404
    demand_second_factor(request)


def _account(request: HttpRequest, number: str) -> tuple[AwsAccount, bool]:
    """An account whose part this user may read, and whether as an auditor."""
    user = signed_in(request)
    own = AwsAccount.objects.owned_by(user).filter(number=number).first()
    if own is not None:
        return own, False
    demand_auditor(request)
    return get_object_or_404(AwsAccount, number=number), True


def _page(request: HttpRequest, records: AuditRecords) -> Page:
    """The newest first, by their ids and not by counting: the log grows while somebody reads it."""
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        records = records.filter(id__lt=int(before))
    found = list(records.order_by("-id")[: RECORDS_PER_PAGE + 1])
    shown = found[:RECORDS_PER_PAGE]
    older = urlencode({"before": shown[-1].pk}) if len(found) > RECORDS_PER_PAGE else ""
    return Page(tuple(_line(record) for record in shown), older)


# So many are read at once; of more, the first words say what it was about.
_FEW = 3
_ABOUT = ("operation", "move", "stack", "target", "region", "reason", "email", "role")


def _line(record: AuditRecord) -> Line:
    known = record.kind in AuditKind.values
    return Line(
        at=record.at,
        who=record.actor or (_("the portal") if record.actor_id is None else f"#{record.actor_id}"),
        what=str(AuditKind(record.kind).label) if known else record.kind,
        account_number=record.account_number,
        address=record.ip,
        about=_about(record.data),
        pairs=tuple(
            (name.replace("_", " "), _shown(value))
            for name, value in record.data.items()
            if value not in ("", None, [])
        ),
        sequence=record.sequence,
    )


def _about(data: Mapping[str, Any]) -> str:
    if len(data) <= _FEW:
        return ""
    return " · ".join(_shown(data[name]) for name in _ABOUT if data.get(name))


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


async def _export(
    request: HttpRequest, account: AwsAccount | None, *, with_address: bool
) -> StreamingHttpResponse:
    """Some thousands of records at a time, however many there are. That it was taken is on record too."""
    account_id, name = (account.pk, account.number) if account else (None, "all")
    user = await sync_to_async(signed_in)(request)
    await sync_to_async(append)(AuditKind.AUDIT_EXPORTED, actor_id=user.pk, account_id=account_id)
    return StreamingHttpResponse(
        _lines_of(
            request, chosen(account_id=account_id, for_owner=not with_address), with_address=with_address
        ),
        content_type="application/jsonl; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="audit-{name}.jsonl"'},
    )


async def _lines_of(request: HttpRequest, records: AuditRecords, *, with_address: bool) -> AsyncIterator[str]:
    """No connection to the database is held while a slow reader takes the last part."""
    await let_go_of_the_request(request)
    parts = chunks(records, with_address=with_address)
    while part := await read(lambda: next(parts, "")):
        yield part
