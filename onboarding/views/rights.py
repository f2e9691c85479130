"""What is missing before the owner can be asked, and is it there now? And: is the hand-over role gone?"""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from onboarding.middleware.gatekeeper import demand_recent_sign_in
from onboarding.progress.revocation import revocation_of
from onboarding.progress.rights import rights_of
from onboarding.services import external_id, hand_over, revocation
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus
from onboarding.views.access import is_owner, own_account, own_run, signed_in, visible_run


@never_cache
@login_required
@require_safe
def rights(request: HttpRequest, run_id: str) -> HttpResponse:
    """Every permission that was missing at the last look, with the policy that mends it."""
    run = visible_run(request, run_id)
    context = {
        "run": run,
        "account": run.account,
        "rights": rights_of(run),
        "owns": is_owner(request, run.account),
        "is_waiting": run.status == RunStatus.NEEDS_ACCESS,
    }
    return render(request, "rights.html", context)


@login_required
@require_POST
def check_again(request: HttpRequest, run_id: str) -> HttpResponse:
    """The same role once more: one click, after its owner has mended it."""
    run = own_run(request, run_id)
    demand_recent_sign_in(request, back=reverse("rights", args=[run.pk]))
    try:
        hand_over.check_again(signed_in(request), run)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("run", run.pk)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def hand_over_role_gone(request: HttpRequest, run_id: str) -> HttpResponse:
    """How to remove the hand-over role after the run, and the proof that it can't be used any more."""
    if request.method == "POST":
        run = own_run(request, run_id)
        try:
            revocation.ask(signed_in(request), run)
        except Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("hand-over-role-gone", run.pk)
    run = visible_run(request, run_id)
    context = {
        "run": run,
        "account": run.account,
        "revocation": revocation_of(run),
        "owns": is_owner(request, run.account),
    }
    return render(request, "hand_over_role_gone.html", context)


@login_required
@require_POST
def rotate_external_id(request: HttpRequest, number: str) -> HttpResponse:
    account = own_account(request, number)
    demand_recent_sign_in(request, back=reverse("hand-over", args=[account.number]))
    try:
        external_id.rotate(signed_in(request), account)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, _("Here is the new ExternalId. The role has to be made or updated with it once more.")
        )
    return redirect("hand-over", account.number)
