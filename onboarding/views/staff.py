"""What does infosec need before it sees every account: a role, and a second factor."""

from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from onboarding.forms import RoleChangeForm
from onboarding.middleware.gatekeeper import demand_recent_sign_in, demand_second_factor, passed_second_factor
from onboarding.models import Member, StaffRole
from onboarding.models.people import role_of
from onboarding.services import people
from onboarding.services.refusals import Refused
from onboarding.views.access import signed_in


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def staff(request: HttpRequest) -> HttpResponse:
    """Who of infosec has which role; a superuser changes it."""
    user = signed_in(request)
    if role_of(user) != StaffRole.SUPERUSER:
        raise Http404
    demand_second_factor(request)
    demand_recent_sign_in(request)
    form = RoleChangeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        role = form.cleaned_data["role"]
        try:
            changed = people.change_role(user, form.cleaned_data["email"], StaffRole(role) if role else None)
        except Refused as refusal:
            form.add_error("email", str(refusal))
        else:
            messages.success(request, _("The role of {email} is changed.").format(email=changed.email))
            return redirect("staff")
    members = Member.objects.select_related("user").order_by("user__email")
    return render(request, "people/staff.html", {"members": members, "form": form})


@login_required
@require_safe
def second_factor(request: HttpRequest) -> HttpResponse:
    """Why the door is shut, and the one thing that opens it; for staff alone."""
    user = signed_in(request)
    if role_of(user) is None:
        raise Http404
    back = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = reverse("front")
    if passed_second_factor(request):
        return redirect(back)
    types = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    proofs = [
        (reverse(name), words)
        for kind, name, words in (
            (
                Authenticator.Type.WEBAUTHN,
                "mfa_reauthenticate_webauthn",
                _("With my passkey or security key"),
            ),
            (Authenticator.Type.TOTP, "mfa_reauthenticate", _("With a code of my authenticator app")),
        )
        if kind in types
    ]
    return render(request, "people/second_factor.html", {"proofs": proofs, "next": urlencode({"next": back})})
