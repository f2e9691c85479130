"""What only the owner can decide: asked on a page of its own, changed there until the approval."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from onboarding.middleware.gatekeeper import recent_sign_in_required
from onboarding.progress.questions import words_of
from onboarding.services import deciding
from onboarding.services.refusals import Refused
from onboarding.views.access import own_run, signed_in
from onboarding.views.decide_form import DecideForm


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def decide(request: HttpRequest, run_id: str) -> HttpResponse:
    """Posts the answers with the version of the questions that the page showed."""
    run = own_run(request, run_id)
    version = request.POST.get("version", "")
    if not deciding.may_decide(run) and request.method != "POST":
        messages.info(request, _("There is nothing to decide about this run just now."))
        return redirect("run", run.pk)
    groups = words_of(deciding.questions_of(run))
    form = DecideForm(groups, deciding.answers_of(run), request.POST or None)
    if request.method == "POST" and version != deciding.version_of(run):
        # Made from other questions: its fields may not even be there any more.
        return _stale(request, run_id)
    if request.method == "POST" and form.is_valid():
        try:
            deciding.answer(signed_in(request), run, version, form.answers)
        except deciding.QuestionsChanged:
            return _stale(request, run_id)
        except Refused as refusal:
            messages.error(request, str(refusal))
            return redirect("run", run.pk)
        return redirect("plan" if not run.approved_digest else "run", run.pk)
    context = {
        "run": run,
        "account": run.account,
        "form": form,
        "version": deciding.version_of(run),
        "is_at_work": bool(run.approved_digest),
    }
    return render(request, "decide.html", context)


def _stale(request: HttpRequest, run_id: str) -> HttpResponse:
    run = own_run(request, run_id)
    messages.error(request, str(deciding.QuestionsChanged()))
    return redirect("decide" if deciding.may_decide(run) else "run", run.pk)
