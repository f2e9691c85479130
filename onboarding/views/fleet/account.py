"""One account, as infosec sees it: where it stands, whom to call, what staff may do, and what was done."""

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from onboarding.fleet.account import Account, page_of
from onboarding.fleet.history import history_of
from onboarding.models import AwsAccount, Invitation
from onboarding.models.people import READS_AUDIT_LOG, STARTS_WORK_AGAIN
from onboarding.views.access import infosec, infosec_member
from onboarding.views.fleet.colleagues import colleagues


@login_required
@require_safe
def account(request: HttpRequest, number: str) -> HttpResponse:
    user, role = infosec_member(request)
    page = page_of(user, number)
    if page is None:
        raise Http404
    context = {
        "page": page,
        "account": page.account,
        # Who was asked matters until somebody answers.
        "invitations": () if page.people else invitations_of(page.account)[:5],
        "colleagues": colleagues(),
        "may_act": role in STARTS_WORK_AGAIN,
        "reads_audit_log": role in READS_AUDIT_LOG,
        "may_start_again": role in STARTS_WORK_AGAIN and page.account.is_settled and bool(page.people),
    }
    return render(request, "fleet/account.html", context)


def invitations_of(asked_about: Account) -> QuerySet[Invitation]:
    return Invitation.objects.filter(account=asked_about.pk, by_infosec=True)


@login_required
@require_safe
def history(request: HttpRequest, number: str) -> HttpResponse:
    """A page of its own, whose part the account's page opens in its place."""
    found = get_object_or_404(AwsAccount.objects.visible_to(infosec(request)), number=number)
    return render(request, "fleet/history.html", {"account": found, "history": history_of(found)})
