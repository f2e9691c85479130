"""What would an act on many accounts do, line by line? Once confirmed: how far is it, what came of it?"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from onboarding.middleware.gatekeeper import demand_recent_sign_in
from onboarding.models import AwsAccount, Batch, BatchKind, BatchLine, LineState
from onboarding.roster import Fault
from onboarding.services import batches
from onboarding.services.reasons import words_of
from onboarding.services.refusals import Refused
from onboarding.views.access import operator

LINES_PER_PAGE = 100
_NOT_DONE = (LineState.FAULTY, LineState.REFUSED)


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one state and reason."""

    state: str
    reason: str
    words: str | Promise
    count: int


@dataclass(frozen=True, slots=True)
class Line:
    place: int
    number: str
    # Of an account that is known.
    name: str
    said: str
    words: str | Promise


@login_required
@require_safe
def batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    found = _own(request, batch_id)
    groups = _groups(found)
    counts = {
        state: sum(group.count for group in groups if group.state == state) for state in LineState.values
    }
    shown = request.GET.get("lines", "")
    wanted = found.lines.filter(state__in=[shown] if shown in LineState.values else _NOT_DONE)
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 9:
        wanted = wanted.filter(place__gt=int(after))
    lines = list(wanted[: LINES_PER_PAGE + 1])
    names = dict(
        AwsAccount.objects.visible_to(request.user)
        .filter(number__in=[line.number for line in lines])
        .values_list("number", "name")
    )
    total = sum(counts.values())
    context = {
        "batch": found,
        "about": _about(found),
        "is_import": found.kind == BatchKind.IMPORT,
        "counts": counts,
        "total": total,
        "settled": total - counts[LineState.APPLIES],
        "groups": [group for group in groups if group.reason],
        "lines": [_line(line, names.get(line.number, "")) for line in lines[:LINES_PER_PAGE]],
        "shown": LineState(shown) if shown in LineState.values else None,
        "after": lines[LINES_PER_PAGE - 1].place if len(lines) > LINES_PER_PAGE else None,
        "is_working": found.confirmed_at is not None and found.finished_at is None,
    }
    return render(request, "batches/batch.html", context)


@login_required
@require_POST
def confirm(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    found = _own(request, batch_id)
    demand_recent_sign_in(request, back=request.path.removesuffix("confirm/"))
    try:
        batches.confirm(operator(request), found, request.POST.get("digest", ""))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("batch", found.pk)


@login_required
@require_safe
def report(request: HttpRequest, batch_id: UUID) -> StreamingHttpResponse:
    """The lines that can't be or weren't done, as a list to work on."""
    found = _own(request, batch_id)
    return StreamingHttpResponse(
        _report(found),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="not-done.csv"'},
    )


def _own(request: HttpRequest, batch_id: UUID) -> Batch:
    """Of who asks; a colleague's is not there, and nor is one that was forgotten."""
    user = operator(request)
    return get_object_or_404(Batch.objects.of(user.pk).exclude(digest=""), pk=batch_id)


def _about(found: Batch) -> str:
    """Which tag, or whose account it becomes."""
    if found.kind == BatchKind.ASSIGN:
        user = User.objects.filter(pk=found.arguments.get("user_id")).first()
        return user.email if user else _("nobody")
    return str(found.arguments.get("tag", ""))


def _groups(found: Batch) -> list[Group]:
    rows = found.lines.order_by().values_list("state", "reason").annotate(count=Count("pk"))
    groups = [Group(state, reason, words_of(found.kind, reason), count) for state, reason, count in rows]
    return sorted(groups, key=lambda group: (-group.count, group.reason))


def _line(line: BatchLine, name: str) -> Line:
    entry = line.entry or {}
    said = line.said or " ".join(entry.get("owners", ()))
    if line.reason == Fault.TWICE:
        said = _("line %(number)s") % {"number": line.said}
    return Line(
        line.place, line.number, name or entry.get("name", ""), said, words_of(line.batch.kind, line.reason)
    )


class Echo:
    """What csv writes to: it gives each row back."""

    def write(self, row: str) -> str:
        return row


def _report(found: Batch) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(["line", "account", "why", "said"])
    lines = found.lines.filter(state__in=_NOT_DONE).values_list("place", "number", "reason", "said")
    for place, number, reason, said in lines.iterator(chunk_size=1000):
        yield writer.writerow([place, number, words_of(found.kind, reason), harmless(said)])


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell
