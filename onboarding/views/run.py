"""The page of a run: where it stands, region by region, and the one thing to do next."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from onboarding.progress.aws_words import aws_words_of
from onboarding.progress.live import look_at
from onboarding.states import RunStatus
from onboarding.views.access import is_owner, visible_run


@never_cache
@login_required
@require_safe
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Served complete; the stream of `views.stream` goes on from the event number that it carries."""
    found = visible_run(request, run_id)
    owns = is_owner(request, found.account)
    if found.status == RunStatus.DRAFT and owns:
        return redirect("hand-over", found.account.number)
    progress = look_at(found.pk)
    context = {
        "run": progress.run,
        "account": progress.run.account,
        "company": settings.COMPANY,
        "progress": progress,
        "owns": owns,
        "is_going_on": not progress.run.is_settled,
    }
    return render(request, "run.html", context)


@never_cache
@login_required
@require_safe
def aws_words(request: HttpRequest, run_id: str) -> HttpResponse:
    """AWS's own words, request ids and all; apart from the live page, which they would make heavy."""
    found = visible_run(request, run_id)
    lines, is_cut = aws_words_of(found)
    context = {"run": found, "account": found.account, "lines": lines, "is_cut": is_cut}
    return render(request, "aws_words.html", context)
