"""Failures by their remedy, and trying a whole cluster again."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from onboarding.fleet.clusters import clusters_of
from onboarding.fleet.figures import tally
from onboarding.models.people import STARTS_WORK_AGAIN
from onboarding.services.clusters import AT_MOST, retry_cluster
from onboarding.views.access import infosec_member, operator


@login_required
@require_safe
def failures(request: HttpRequest) -> HttpResponse:
    _user, role = infosec_member(request)
    clusters = clusters_of(tally())
    context = {"clusters": clusters, "may_act": role in STARTS_WORK_AGAIN}
    return render(request, "fleet/failures.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def retry(request: HttpRequest, code: str) -> HttpResponse:
    user = operator(request)
    if request.method == "POST":
        outcome = retry_cluster(user, code)
        said = ngettext(
            "%(count)s account was started again. It waits for its owner’s hand-over.",
            "%(count)s accounts were started again. Each waits for its owner’s hand-over.",
            outcome.begun,
        ) % {"count": outcome.begun}
        if outcome.still_there:
            said += " " + _("%(count)s are left: start them again too.") % {"count": outcome.still_there}
        messages.success(request, said)
        return redirect("fleet-failures")
    cluster = next((each for each in clusters_of(tally()) if each.code == code), None)
    if cluster is None or not cluster.may_begin_again.number:
        raise Http404
    context = {"cluster": cluster, "at_most": AT_MOST}
    return render(request, "fleet/retry.html", context)
