"""Register an account, and hand it over: the wizard's pages before the run's own."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from onboarding.forms import CredentialsForm, DetailsForm, RegisterForm, RoleForm
from onboarding.middleware.gatekeeper import recent_sign_in_required
from onboarding.models import AwsAccount, Run
from onboarding.progress.usable_access import command_after
from onboarding.services import accounts, external_id, hand_over
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus
from onboarding.views.access import own_account, signed_in
from onboarding.views.hand_over_kit import kit_for

# What was refused for these stays refused however often it is pasted; a permanent key must be rotated.
_OF_NO_USE = {"long_term_key", "not_temporary_credentials", "expired_credentials", "nothing_pasted"}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = RegisterForm(request.POST or None, initial={"contact_email": user.email})
    if request.method == "POST" and form.is_valid():
        before = accounts.registered_before(user, form.cleaned_data["number"])
        try:
            account = accounts.register(user, **form.cleaned_data)
        except accounts.AlreadyRegistered:
            return redirect("ask-owners", form.cleaned_data["number"])
        except Refused as refusal:
            form.add_error("number", str(refusal))
        else:
            run = account.runs.first()
            if before:
                messages.info(request, _told_again(before, run))
            return redirect("run", run.pk) if run else redirect("hand-over", account.number)
    return render(request, "register.html", {"form": form})


def _told_again(account: AwsAccount, run: Run | None) -> str:
    return _(
        "You had registered this account already, as “%(name)s”. It stays as it was; what you typed now was "
        "not taken over. Where it stands: %(state)s."
    ) % {
        "name": account.name,
        "state": run.get_status_display() if run else _("waiting for the hand-over"),
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account_details(request: HttpRequest, number: str) -> HttpResponse:
    """Name, contact and ticket, which may change; the way back from the hand-over, and open ever after."""
    account = own_account(request, number)
    before = {name: getattr(account, name) for name in DetailsForm.base_fields}
    form = DetailsForm(request.POST or None, initial=before)
    if request.method == "POST" and form.is_valid():
        try:
            accounts.change_details(signed_in(request), account, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The account’s details are changed."))
            return _onwards(account)
    return render(request, "account_details.html", {"account": account, "form": form})


def _onwards(account: AwsAccount) -> HttpResponse:
    run = account.runs.first()
    return redirect("run", run.pk) if run else redirect("hand-over", account.number)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def hand_over_role(request: HttpRequest, number: str) -> HttpResponse:
    account = own_account(request, number)
    form = RoleForm(
        request.POST or None, initial={"role_arn": account.last_role_arn or kit_for(account).role_arn}
    )
    return _hand_over(
        request,
        account,
        form,
        way="role",
        act=lambda: hand_over.hand_over_role(signed_in(request), account, form.cleaned_data["role_arn"]),
        wrong_field="role_arn",
    )


@never_cache
@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def hand_over_credentials(request: HttpRequest, number: str) -> HttpResponse:
    account = own_account(request, number)
    form = CredentialsForm(request.POST or None)
    return _hand_over(
        request,
        account,
        form,
        way="credentials",
        act=lambda: hand_over.hand_over_credentials(
            signed_in(request), account, form.credentials, form.claimed_expiry
        ),
        wrong_field="pasted",
    )


@never_cache
@login_required
@require_safe
def hand_over_template(request: HttpRequest, number: str) -> HttpResponse:
    """The hand-over role's template as a file, with this account's values as defaults."""
    account = own_account(request, number)
    kit = kit_for(account)
    external_id.viewed(signed_in(request), account, "template")
    return HttpResponse(
        kit.template_body,
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{kit.file_name}"'},
    )


def _hand_over(
    request: HttpRequest,
    account: AwsAccount,
    form: Form,
    *,
    way: str,
    act: Callable[[], Run],
    wrong_field: str,
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            run = act()
        except hand_over.RunInProgress as refusal:
            messages.info(request, str(refusal))
            # The newest, which may have settled this very moment.
            return redirect("run", account.runs.latest("created_at").pk)
        except Refused as refusal:
            form.add_error(wrong_field, ValidationError(str(refusal), code=refusal.code))
        else:
            return redirect("run", run.pk)
    run_now = account.runs.open().first()
    if way == "role":
        external_id.viewed(signed_in(request), account, "page")
    context = {
        "account": account,
        "form": form,
        "way": way,
        "kit": kit_for(account),
        "usable": _usable(form, account),
        "paste_again": way == "credentials" and not _OF_NO_USE & set(_codes(form)),
        "run": run_now,
        "is_again": run_now is not None and run_now.status in {RunStatus.NEEDS_ACCESS, RunStatus.NEEDS_OWNER},
    }
    return render(request, "hand_over.html", context)


def _usable(form: Form, account: AwsAccount) -> str:
    """The command that gives what can be used, after what was refused here; empty when nothing was."""
    commands = (command_after(code, account.number) for code in _codes(form))
    return next((command for command in commands if command), "")


def _codes(form: Form) -> list[str]:
    """Why what was typed was refused."""
    return [error.code or "" for errors in form.errors.as_data().values() for error in errors]
