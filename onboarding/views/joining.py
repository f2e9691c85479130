"""How does somebody come to answer for an account that another registered? By a link, or by asking for it."""

import re

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from onboarding.models import AwsAccount, Invitation
from onboarding.services import invitations, ownership
from onboarding.services.refusals import Refused
from onboarding.views.access import signed_in

_TOKEN = "invitation_token"  # noqa: S105 - the name of a place in the session


@never_cache
@require_safe
def invitation_link(request: HttpRequest, token: str) -> HttpResponse:
    """Take the token out of the address at once: histories and logs keep addresses."""
    request.session[_TOKEN] = token
    return redirect("invitation")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """What the link offers, to whom it was sent. Signing up or in comes back here."""
    token = request.session.get(_TOKEN, "")
    try:
        found = invitations.find(token)
    except invitations.NoLongerValid as refusal:
        return render(request, "people/invitation_over.html", {"refusal": refusal}, status=410)
    if not request.user.is_authenticated:
        if request.method == "POST":
            raise Http404
        # Who has the link has the mailbox: signing up with that address needs no second mail.
        get_adapter().stash_verified_email(request, found.email)
        return _offer(request, found)
    user = signed_in(request)
    try:
        invitations.demand_addressee(user, found)
        if request.method == "POST":
            account = invitations.accept(user, token)
            del request.session[_TOKEN]
            messages.success(request, _("You answer for this account now."))
            return _on_to(user, account)
    except Refused as refusal:
        context = {"refusal": refusal, "invitation": found}
        return render(request, "people/invitation_over.html", context, status=403)
    return _offer(request, found)


def _offer(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    context = {
        "invitation": invitation,
        "account": invitation.account,
        "has_owner": ownership.has_owner(invitation.account),
        "company": settings.COMPANY,
    }
    return render(request, "people/invitation.html", context)


def _on_to(user: User, account: AwsAccount) -> HttpResponse:
    """Its new owner is led on to what the account needs; a co-owner sees first who the others are."""
    if not ownership.is_the_owner(user, account):
        return redirect("people", account.number)
    run = account.runs.first()
    return redirect("run", run.pk) if run else redirect("hand-over", account.number)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ask_owners(request: HttpRequest, number: str) -> HttpResponse:
    """The same pages for every number, registered or not: nobody learns here who has which account."""
    if not re.fullmatch(r"[0-9]{12}", number):
        raise Http404
    if request.method == "POST":
        invitations.ask_to_be_let_in(signed_in(request), number)
        return render(request, "people/asked.html", {"number": number})
    return render(request, "people/ask.html", {"number": number})
