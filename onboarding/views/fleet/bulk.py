"""Acts on accounts from infosec's pages: on many selected ones, on one, and on the views of the list."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from onboarding.fleet.columns import DEFAULT_COLUMNS, chosen_columns
from onboarding.fleet.export import csv_parts
from onboarding.fleet.filters import Filters
from onboarding.fleet.table import DEFAULT_SORT, SORTS
from onboarding.models import AccountSummary, BatchKind
from onboarding.models.audit import AuditKind, append
from onboarding.models.summary import AccountSummaryQuerySet
from onboarding.services import bulk as bulk_acts
from onboarding.services import desk, reminders
from onboarding.services.refusals import Refused
from onboarding.views.access import infosec, operator, visible_account


@login_required
@require_POST
def bulk(request: HttpRequest) -> HttpResponseBase:
    """Judge an act on the selected accounts; the batch's page then asks for confirmation."""
    user = operator(request)
    query = canonical(request.POST.get("query", ""))
    chosen = _chosen(request, user, query)
    word = request.POST.get("act", "")
    if word == "export":
        append(AuditKind.LIST_EXPORTED, actor_id=user.pk, query=query)
        return _export(chosen)
    if word not in BatchKind.values or word == BatchKind.IMPORT or not chosen.exists():
        messages.error(request, _("Tick the accounts first, or say that all of them are meant."))
        return redirect(f"{reverse('fleet-accounts')}{query}")
    arguments = {"tag": request.POST.get("tag", ""), "user_id": _id(request.POST.get("user", ""))}
    try:
        batch = bulk_acts.judge_accounts(
            user, BatchKind(word), chosen.order_by().values_list("pk", flat=True), arguments
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(f"{reverse('fleet-accounts')}{query}")
    return redirect("batch", batch.pk)


@login_required
@require_POST
def act(request: HttpRequest, number: str) -> HttpResponse:
    """One act on one account, from its page."""
    user = operator(request)
    account = visible_account(request, number)
    acts: dict[str, tuple[Callable[[], Any], str]] = {
        "tag": (lambda: desk.tag(user, [account], request.POST.get("tag", "")), _("Tagged.")),
        "untag": (
            lambda: desk.untag(user, [account], request.POST.get("tag", "")),
            _("The tag is taken off."),
        ),
        "assign": (lambda: desk.assign(user, [account], _id(request.POST.get("user", ""))), _("Assigned.")),
        "note": (lambda: desk.note(user, account, request.POST.get("text", "")), _("The note is written.")),
        "remind": (lambda: reminders.remind(user, account), _("A mail to its owners is on its way.")),
    }
    done = acts.get(request.POST.get("act", ""))
    if done is not None:
        try:
            done[0]()
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, done[1])
    return redirect(f"{reverse('fleet-account', args=[account.number])}#desk")


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Whoever may look may also give a name to what they look at."""
    user = infosec(request)
    query = canonical(request.POST.get("query", ""))
    try:
        desk.save_view(user, request.POST.get("name", ""), query, is_shared=bool(request.POST.get("shared")))
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The view is saved."))
    return redirect(f"{reverse('fleet-accounts')}{query}")


@login_required
@require_POST
def forget_view(request: HttpRequest, view_id: int) -> HttpResponse:
    desk.forget_view(infosec(request), view_id)
    return redirect("fleet-accounts")


def canonical(query: str) -> str:
    """What of a list's address is known to the list, in its own words: nothing else is stored or linked."""
    asked = QueryDict(query.removeprefix("?"))
    sort = SORTS.get(asked.get("sort", ""), DEFAULT_SORT)
    columns = chosen_columns(asked.getlist("column"))
    kept = [("sort", sort.word)] if sort is not DEFAULT_SORT else []
    kept += [("column", column.word) for column in columns] if columns != DEFAULT_COLUMNS else []
    return Filters.from_query(asked).as_query(kept)


def _chosen(request: HttpRequest, user: User, query: str) -> AccountSummaryQuerySet:
    """Those ticked, or all that fit the list's address."""
    summaries = AccountSummary.objects.visible_to(user)
    if request.POST.get("all"):
        return Filters.from_query(QueryDict(query.removeprefix("?"))).apply(summaries, timezone.now())
    ticked = [number for number in request.POST.getlist("number")[:200] if number.isdecimal()]
    return summaries.filter(number__in=ticked)


def _export(chosen: AccountSummaryQuerySet) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        csv_parts(chosen),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="accounts.csv"'},
    )


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
