"""A whole list of accounts: paste or upload it, see what each line would do, then let it be taken in."""

import io
from typing import BinaryIO, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from onboarding.forms import ImportForm
from onboarding.middleware.bodies import give_ticket
from onboarding.middleware.gatekeeper import demand_recent_sign_in
from onboarding.roster import HEADINGS, RosterUnreadable
from onboarding.services import importing
from onboarding.views.access import operator
from onboarding.views.large_form import LargeForm


# Exempt only from the check before the view: the form's token is checked once it is known who asks.
@csrf_exempt
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def import_accounts(request: HttpRequest) -> HttpResponse:
    user = operator(request)
    demand_recent_sign_in(request)
    request.upload_handlers = [LargeForm(request, settings.IMPORT_MOST_BYTES)]
    response = _form(request, user)
    give_ticket(response, user.pk, settings.IMPORT_PATH)
    return response


@csrf_protect
def _form(request: HttpRequest, user: User) -> HttpResponse:
    sent = request.method == "POST"
    form = ImportForm(request.POST if sent else None, request.FILES if sent else None)
    if form.is_valid():
        uploaded = form.cleaned_data["file"]
        file = uploaded.file if uploaded else io.BytesIO(form.cleaned_data["pasted"].encode())
        try:
            batch, _shape = importing.judge_list(
                user, cast(BinaryIO, file), invite=form.cleaned_data["invite"]
            )
        except RosterUnreadable as unreadable:
            words = f"{unreadable.why.label} {unreadable.detail}".strip()
            form.add_error("file" if uploaded else "pasted", ValidationError(words, code=unreadable.why))
        else:
            return redirect("batch", batch.pk)
    return render(request, "importing/import.html", {"form": form, "headings": HEADINGS})
