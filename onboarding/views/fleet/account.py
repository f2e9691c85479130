"""One account, as infosec sees it: where it stands, what was done, whom to call, and what staff may do."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from onboarding.fleet.account import page_of
from onboarding.models import AccountSummary
from onboarding.models.people import READS_AUDIT_LOG, STARTS_WORK_AGAIN
from onboarding.states import SETTLED_RUN_STATUSES
from onboarding.views.access import infosec_member
from onboarding.views.fleet.colleagues import colleagues

NOTES_SHOWN = 50


@login_required
@require_safe
def account(request: HttpRequest, number: str) -> HttpResponse:
    user, role = infosec_member(request)
    found = (
        AccountSummary.objects.visible_to(user)
        .filter(number=number)
        .select_related("account__assignment__user")
        .first()
    )
    if found is None:
        raise Http404
    page = page_of(found)
    is_settled = not page.runs or page.runs[0].status in SETTLED_RUN_STATUSES
    context = {
        "page": page,
        "account": page.account,
        "summary": found,
        "tags": page.account.tags.all(),
        "notes": page.account.notes.select_related("author")[:NOTES_SHOWN],
        "assignment": getattr(page.account, "assignment", None),
        # Who was asked matters until somebody answers.
        "invitations": () if page.people else page.account.invitations.filter(by_infosec=True)[:5],
        "colleagues": colleagues(),
        "may_act": role in STARTS_WORK_AGAIN,
        "reads_audit_log": role in READS_AUDIT_LOG,
        "may_start_again": role in STARTS_WORK_AGAIN and is_settled and bool(page.people),
    }
    return render(request, "fleet/account.html", context)
