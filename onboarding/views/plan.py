"""The plan: read it, and approve exactly what was read."""

from collections.abc import Collection

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from onboarding.middleware.gatekeeper import demand_recent_sign_in
from onboarding.models import Run
from onboarding.progress.failures import trouble_of
from onboarding.progress.plan_page import plan_page
from onboarding.services import approval
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus
from onboarding.stored import survey_from_json
from onboarding.views.access import is_owner, own_run, signed_in, visible_run


@login_required
@require_safe
def plan(request: HttpRequest, run_id: str) -> HttpResponse:
    return _show(request, visible_run(request, run_id), "plan.html")


@login_required
@require_safe
def approval_document(request: HttpRequest, run_id: str) -> HttpResponse:
    """The plan and who agreed to it, to be printed: before the approval for whoever must agree as well."""
    return _show(request, visible_run(request, run_id), "approval.html", printed=True)


@login_required
@require_POST
def approve(request: HttpRequest, run_id: str) -> HttpResponse:
    """Posts the digest of the plan that the page showed; a plan that changed meanwhile is shown again."""
    run = own_run(request, run_id)
    demand_recent_sign_in(request, back=reverse("plan", args=[run.pk]))
    ticked = {int(each) for each in request.POST.getlist("tick") if each.isdecimal() and len(each) < 10}
    try:
        approval.approve(signed_in(request), run, request.POST.get("digest", ""), ticked=ticked)
    except approval.PlanChanged as refusal:
        messages.error(request, str(refusal))
        return redirect("plan", run.pk)
    except approval.NotTicked as refusal:
        return _show(request, run, "plan.html", ticked=ticked, missing=refusal.ordinals)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("run", run.pk)


def _show(
    request: HttpRequest,
    run: Run,
    template: str,
    *,
    printed: bool = False,
    ticked: Collection[int] = (),
    missing: Collection[int] = (),
) -> HttpResponse:
    page = plan_page(run)
    if page is None:
        messages.info(request, _("There is no plan yet."))
        return redirect("run", run.pk)
    is_waiting = run.status == RunStatus.PLANNED
    context = {
        "run": run,
        "account": run.account,
        "page": page,
        "trouble": trouble_of(run.reason_code, run.failure, account=run.account),
        "company": settings.COMPANY,
        "may_approve": is_waiting and not printed and is_owner(request, run.account),
        "is_waiting": is_waiting,
        "printed": printed,
        "ticked": ticked,
        "missing": missing,
    }
    if printed:
        context["owners"] = [each.user.email for each in run.account.ownerships.select_related("user")]
        context["looked_at"] = survey_from_json(run.survey).taken_at if run.survey is not None else None
    return render(request, template, context)
