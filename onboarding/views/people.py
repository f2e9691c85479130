"""Who answers for an account? See them all; the owner invites, removes, hands the ownership on."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from onboarding.forms import InviteForm
from onboarding.middleware.gatekeeper import demand_recent_sign_in, recent_sign_in_required
from onboarding.models import AwsAccount, Ownership
from onboarding.services import invitations, ownership
from onboarding.services.refusals import Refused
from onboarding.views.access import own_account, signed_in, visible_account


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def people(request: HttpRequest, number: str) -> HttpResponse:
    """The list, and the owner's form that invites. Only who is the owner may send it."""
    account = visible_account(request, number)
    user = signed_in(request)
    may_decide = ownership.is_the_owner(user, account)
    form = InviteForm(request.POST or None)
    if request.method == "POST":
        if not may_decide:
            raise Http404
        demand_recent_sign_in(request)
        if form.is_valid() and _invited(request, account, form):
            return redirect("people", account.number)
    context = {
        "account": account,
        "ownerships": account.ownerships.select_related("user").order_by("since"),
        "invitations": account.invitations.open(),
        "may_decide": may_decide,
        "form": form,
    }
    return render(request, "people/people.html", context)


def _invited(request: HttpRequest, account: AwsAccount, form: InviteForm) -> bool:
    email = form.cleaned_data["email"]
    try:
        invitations.invite(signed_in(request), account, email)
    except Refused as refusal:
        form.add_error("email", str(refusal))
        return False
    messages.success(request, _("A link is on its way to {email}.").format(email=email))
    return True


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def remove(request: HttpRequest, number: str, user_id: int) -> HttpResponse:
    """The owner removes a co-owner; a co-owner leaves."""
    account = own_account(request, number)
    user = signed_in(request)
    found = _ownership(account, user_id)
    if user.pk != user_id and not ownership.is_the_owner(user, account):
        raise Http404
    if request.method == "POST":
        done = _act(request, lambda: ownership.remove(user, account, user_id))
        return redirect("front") if done and user.pk == user_id else redirect("people", account.number)
    return render(
        request, "people/remove.html", {"account": account, "ownership": found, "leaves": user.pk == user_id}
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def hand_on(request: HttpRequest, number: str, user_id: int) -> HttpResponse:
    account = _decided_by(request, number)
    found = _ownership(account, user_id)
    if request.method == "POST":
        _act(request, lambda: ownership.hand_on(signed_in(request), account, user_id))
        return redirect("people", account.number)
    return render(request, "people/hand_on.html", {"account": account, "ownership": found})


@login_required
@require_POST
def revoke(request: HttpRequest, number: str, invitation_id: int) -> HttpResponse:
    account = _decided_by(request, number)
    if not account.invitations.filter(pk=invitation_id).exists():
        raise Http404
    _act(request, lambda: invitations.revoke(signed_in(request), account, invitation_id))
    return redirect("people", account.number)


def _decided_by(request: HttpRequest, number: str) -> AwsAccount:
    """An account whose one owner is asking."""
    account = own_account(request, number)
    if not ownership.is_the_owner(signed_in(request), account):
        raise Http404
    return account


def _ownership(account: AwsAccount, user_id: int) -> Ownership:
    found = account.ownerships.filter(user_id=user_id).select_related("user").first()
    if found is None:
        raise Http404
    return found


def _act(request: HttpRequest, act: Callable[[], None]) -> bool:
    try:
        act()
    except Refused as refusal:
        messages.error(request, str(refusal))
        return False
    return True
