"""The plan: read it, and approve exactly what was read."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from onboarding.middleware.gatekeeper import demand_recent_sign_in
from onboarding.progress.failures import trouble_of
from onboarding.progress.plan_page import plan_page
from onboarding.services import approval
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus
from onboarding.views.access import is_owner, own_run, signed_in, visible_run


@login_required
@require_safe
def plan(request: HttpRequest, run_id: str) -> HttpResponse:
    run = visible_run(request, run_id)
    page = plan_page(run)
    if page is None:
        messages.info(request, _("There is no plan yet."))
        return redirect("run", run.pk)
    context = {
        "run": run,
        "account": run.account,
        "page": page,
        "trouble": trouble_of(run.reason_code, run.failure),
        "company": settings.COMPANY,
        "may_approve": run.status == RunStatus.PLANNED and is_owner(request, run.account),
        "is_waiting": run.status == RunStatus.PLANNED,
    }
    return render(request, "plan.html", context)


@login_required
@require_POST
def approve(request: HttpRequest, run_id: str) -> HttpResponse:
    """Posts the digest of the plan that the page showed; a plan that changed meanwhile is shown again."""
    run = own_run(request, run_id)
    demand_recent_sign_in(request, back=reverse("plan", args=[run.pk]))
    try:
        approval.approve(signed_in(request), run, request.POST.get("digest", ""))
    except approval.PlanChanged as refusal:
        messages.error(request, str(refusal))
        return redirect("plan", run.pk)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("run", run.pk)
