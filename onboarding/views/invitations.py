"""Whom did infosec ask to answer for an account, and who hasn't answered? Remind, take back, ask another."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from onboarding.forms import AskOwnerForm
from onboarding.middleware.gatekeeper import demand_recent_sign_in
from onboarding.models import AwsAccount, Invitation, InvitationState
from onboarding.models.people import STARTS_WORK_AGAIN, role_of
from onboarding.services import accounts, invitations
from onboarding.services.refusals import Refused
from onboarding.views.access import infosec, operator

ROWS_PER_PAGE = 50
# Not a state of any invitation: accounts without an owner whom nobody was asked about, or not any more.
UNASKED = "unasked"


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    label: str | Promise
    count: int
    is_here: bool


@login_required
@require_safe
def invitations_page(request: HttpRequest) -> HttpResponse:
    """By what became of them; the first tab is the one that asks for an act."""
    user = infosec(request)
    state = request.GET.get("state", InvitationState.WAITING)
    search = request.GET.get("q", "").replace("\x00", "").strip()
    if state not in {*InvitationState.values, UNASKED}:
        state = str(InvitationState.WAITING)
    asked = Invitation.objects.filter(by_infosec=True)
    unasked = AwsAccount.objects.without_owner().exclude(
        pk__in=Invitation.objects.open().values("account_id")
    )
    context = {
        "tabs": [
            *(
                Tab(each, InvitationState(each).label, asked.in_state(each).count(), each == state)
                for each in InvitationState
            ),
            Tab(UNASKED, gettext_lazy("Nobody asked"), unasked.count(), state == UNASKED),
        ],
        "state": state,
        "search": search,
        "may_act": role_of(user) in STARTS_WORK_AGAIN,
        "asks": [InvitationState.WAITING, InvitationState.NOT_SENT, InvitationState.EXPIRED],
    }
    before = request.GET.get("before", "")
    if state == UNASKED:
        found = unasked.order_by("-pk")
        if search:
            found = found.filter(number__startswith=search) | found.filter(name__icontains=search)
        if _is_id(before):
            found = found.filter(pk__lt=int(before))
        rows = list(found[: ROWS_PER_PAGE + 1])
        context |= {"accounts": rows[:ROWS_PER_PAGE], "older": _older(rows, state, search)}
    else:
        sent = asked.in_state(InvitationState(state)).select_related("account", "invited_by").order_by("-pk")
        if search:
            sent = sent.filter(account__number__startswith=search) | sent.filter(email__icontains=search)
        if _is_id(before):
            sent = sent.filter(pk__lt=int(before))
        shown = list(sent[: ROWS_PER_PAGE + 1])
        context |= {"invitations": shown[:ROWS_PER_PAGE], "older": _older(shown, state, search)}
    return render(request, "invitations/invitations.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invite_owner(request: HttpRequest) -> HttpResponse:
    """Register an account that nobody answers for yet, and ask somebody; or ask another about one."""
    user = operator(request)
    demand_recent_sign_in(request)
    number = request.GET.get("number", "")
    known = AwsAccount.objects.without_owner().filter(number=number).first() if number.isdecimal() else None
    form = AskOwnerForm(request.POST or None, initial=_initial(known))
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data.pop("email")
        try:
            account = accounts.register_without_owner(
                user, **{**form.cleaned_data, "contact_email": form.cleaned_data["contact_email"] or email}
            )
            invitations.invite(user, account, email)
        except accounts.AlreadyRegistered:
            words = _("Somebody answers for this account already. Nothing was changed, and nobody was asked.")
            form.add_error("number", ValidationError(words, code="already_registered"))
        except invitations.MailNotSent as refusal:
            messages.error(request, str(refusal))
            return redirect(f"{reverse('invitations')}?{urlencode({'state': InvitationState.NOT_SENT})}")
        except Refused as refusal:
            form.add_error("number" if isinstance(refusal, accounts.NotAnAccount) else "email", str(refusal))
        else:
            messages.success(request, _("A link is on its way to {email}.").format(email=email))
            return redirect("invitations")
    return render(request, "invitations/invite_owner.html", {"form": form, "known": known})


@login_required
@require_POST
def remind(request: HttpRequest, asked_id: int) -> HttpResponse:
    user = operator(request)
    found = _invitation(asked_id)
    words = _("Reminded {email}.").format(email=found.email)
    return _act(request, lambda: invitations.remind(user, found), words)


@login_required
@require_POST
def take_back(request: HttpRequest, asked_id: int) -> HttpResponse:
    user = operator(request)
    found = _invitation(asked_id)
    words = _("The invitation to {email} is taken back.").format(email=found.email)
    return _act(request, lambda: invitations.revoke(user, found.account, found.pk), words)


def _invitation(asked_id: int) -> Invitation:
    """One of infosec's; what owners send one another is theirs."""
    return get_object_or_404(
        Invitation.objects.filter(by_infosec=True).select_related("account", "invited_by"), pk=asked_id
    )


def _act(request: HttpRequest, act: Callable[[], None], words: str) -> HttpResponse:
    try:
        act()
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, words)
    state = request.POST.get("state", "")
    if state not in InvitationState.values:
        return redirect("invitations")
    return redirect(f"{reverse('invitations')}?{urlencode({'state': state})}")


def _initial(known: AwsAccount | None) -> dict[str, str]:
    if known is None:
        return {}
    return {
        "number": known.number,
        "name": known.name,
        "contact_email": known.contact_email,
        "ticket_url": known.ticket_url,
    }


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _older(rows: list[Invitation] | list[AwsAccount], state: str, search: str) -> str:
    """The query of the next page; empty on the last. By ids, as the list grows while somebody reads it."""
    if len(rows) <= ROWS_PER_PAGE:
        return ""
    query = {"state": state, "before": rows[ROWS_PER_PAGE - 1].pk}
    return urlencode(query | ({"q": search} if search else {}))
