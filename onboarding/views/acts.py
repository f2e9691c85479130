"""What an owner does to a run beside approving it: cancel, leave as it is, try again, start again.

Each asks first, on a page of its own: these links also stand in fragments that everybody who watches shares.
"""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from onboarding.middleware.gatekeeper import recent_sign_in_required
from onboarding.models import Run, undoing
from onboarding.progress.places import named_region
from onboarding.progress.retry import retry_of
from onboarding.services import cancelling, retrying
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus, StepKind, StepStatus
from onboarding.views.access import account_to_start_again, is_owner, own_run, signed_in


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def cancel(request: HttpRequest, run_id: str) -> HttpResponse:
    run = own_run(request, run_id)
    if request.method == "POST":
        try:
            cancelling.cancel(signed_in(request), run)
        except Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("run", run.pk)
    if run.is_settled or run.status in {RunStatus.CANCELLING, RunStatus.VERIFYING}:
        messages.info(request, _("There is nothing left to cancel."))
        return redirect("run", run.pk)
    has_begun = run.status not in {RunStatus.DRAFT, RunStatus.SURVEYING, RunStatus.PLANNED}
    return render(request, "cancel.html", {"run": run, "account": run.account, "has_begun": has_begun})


# What a run got as far as, and what of it is told in one line for all regions, or not at all.
_BEGUN = (StepStatus.FINISHED, StepStatus.WORKING)
_IN_REGIONS = (StepKind.REGION_TRAIL, StepKind.VERIFY_REGION)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave_as_is(request: HttpRequest, run_id: str) -> HttpResponse:
    run = own_run(request, run_id)
    if request.method == "POST":
        try:
            cancelling.leave_as_is(signed_in(request), run)
        except Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("run", run.pk)
    if run.status != RunStatus.CANCELLING:
        return redirect("run", run.pk)
    begun = run.steps.filter(status__in=_BEGUN)
    context = {
        "run": run,
        "account": run.account,
        "steps": begun.exclude(kind__in=_IN_REGIONS),
        "regions": [named_region(step.region) for step in begun.filter(kind=StepKind.REGION_TRAIL)],
        "may_undo": undoing.is_asked(run),
        "created": run.steps.filter(stack_id__in=undoing.created_by(run)),
        "removed": run.steps.filter(kind=StepKind.REMOVE_STACK, status=StepStatus.FINISHED),
    }
    return render(request, "leave_as_is.html", context)


@login_required
@require_POST
@recent_sign_in_required
def undo(request: HttpRequest, run_id: str) -> HttpResponse:
    """Ends the cancelled run and leads to the one that undoes it."""
    run = own_run(request, run_id)
    try:
        run = cancelling.undo(signed_in(request), run)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("run", run.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def start_again(request: HttpRequest, number: str) -> HttpResponse:
    account = account_to_start_again(request, number)
    if request.method == "POST":
        try:
            retrying.start_again(signed_in(request), account)
        except Refused as refusal:
            messages.error(request, str(refusal))
            return redirect("front")
        return redirect("hand-over" if is_owner(request, account) else "people", account.number)
    return render(request, "start_again.html", {"account": account, "back": _back(account.runs.first())})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def retry(request: HttpRequest, run_id: str) -> HttpResponse:
    """What failed, once more under the same approval; where that brings nothing, a new plan is offered."""
    run = own_run(request, run_id)
    if request.method == "POST":
        try:
            retrying.retry_failed(signed_in(request), run)
        except retrying.NothingToRetry as refusal:
            messages.info(request, str(refusal))
            return redirect("start-again", run.account.number)
        except Refused as refusal:
            messages.error(request, str(refusal))
        needs_access = run.status == RunStatus.NEEDS_ACCESS
        return redirect("hand-over", run.account.number) if needs_access else redirect("run", run.pk)
    failed = retrying.failed_steps(run)
    if not failed:
        messages.info(request, str(retrying.NothingToRetry()))
        return redirect("start-again", run.account.number)
    return render(request, "retry.html", {"run": run, "account": run.account, "retry": retry_of(run, failed)})


def _back(run: Run | None) -> str:
    return reverse("run", args=[run.pk]) if run else reverse("front")
