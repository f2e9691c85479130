"""The first page of infosec: where the fleet stands, and what moves in it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from onboarding.fleet.overview import last_moved, overview_of
from onboarding.models import StaffRole
from onboarding.models.people import READS_AUDIT_LOG
from onboarding.views.access import infosec, infosec_member


@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    _user, role = infosec_member(request)
    found = overview_of(timezone.now())
    context = {
        "fleet": found,
        "movement": found.movement,
        "reads_audit_log": role in READS_AUDIT_LOG,
        "undelivered": found.undelivered,
        "gives_roles": role == StaffRole.SUPERUSER,
    }
    return render(request, "fleet/overview.html", context)


@never_cache
@login_required
@require_safe
def movement(request: HttpRequest) -> HttpResponse:
    """The part of the overview that its script asks for again and again."""
    infosec(request)
    return render(request, "fleet/movement.html", {"movement": last_moved()})
