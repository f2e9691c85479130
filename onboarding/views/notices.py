"""What could people not be told? For infosec: who should have heard of what, and why it didn't get there."""

from collections.abc import Collection

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from onboarding.middleware.gatekeeper import demand_second_factor
from onboarding.models import Notice, StaffRole
from onboarding.models.people import STARTS_WORK_AGAIN, role_of
from onboarding.services import telling
from onboarding.services.refusals import Refused
from onboarding.views.access import signed_in

SHOWN = 200


@never_cache
@login_required
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    _demand_role(request, frozenset(StaffRole))
    found = Notice.objects.in_trouble().select_related("run__account").defer("run__survey", "run__plan")
    return render(
        request,
        "notices/notices.html",
        {
            "notices": found[:SHOWN],
            "may_try_again": role_of(request.user) in STARTS_WORK_AGAIN,
        },
    )


@login_required
@require_POST
def try_again(request: HttpRequest, notice_id: int) -> HttpResponse:
    _demand_role(request, STARTS_WORK_AGAIN)
    notice = get_object_or_404(Notice.objects.in_trouble(), pk=notice_id)
    try:
        telling.try_again(signed_in(request), notice)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("It is tried again now."))
    return redirect("notices")


def _demand_role(request: HttpRequest, roles: Collection[StaffRole]) -> None:
    if role_of(request.user) not in roles:
        raise Http404
    demand_second_factor(request)
