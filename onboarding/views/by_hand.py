"""How does an owner do all of it with their own hands? Links, commands and templates, as steps to tick.

Every command is run as it stands by a test. Without published templates the console can't be opened filled
in: then each template is a file to download, and a command deploys it.
"""

import shlex
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from onboarding.blueprint import (
    StackBlueprint,
    build_blueprint,
    quick_create_url,
    roles_parameters,
    trails_parameters,
)
from onboarding.company import Company
from onboarding.middleware.gatekeeper import recent_sign_in_required
from onboarding.models import AwsAccount, Run
from onboarding.observed import DEFAULT_REGIONS
from onboarding.progress.places import place_of
from onboarding.services import by_hand as acts
from onboarding.services.hand_over import RunInProgress
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus
from onboarding.views.access import own_account, signed_in


@dataclass(frozen=True, slots=True)
class StackByHand:
    """One stack to create. `url` is empty where the company publishes no templates."""

    name: str
    url: str
    file_name: str
    command: str


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def by_hand(request: HttpRequest, number: str) -> HttpResponse:
    account = own_account(request, number)
    run = account.runs.open().first()
    if run is not None and run.status != RunStatus.DRAFT and not run.is_by_hand:
        messages.info(request, _("A job for this account is already running."))
        return redirect("run", run.pk)
    typed = request.POST.get("audit_role_arn", "")
    error = ""
    if request.method == "POST":
        try:
            return redirect(*_act(request, account, run, typed))
        except RunInProgress as refusal:
            messages.info(request, str(refusal))
            return redirect("run", account.runs.latest("created_at").pk)
        except Refused as refusal:
            error = str(refusal)
    company, waits = settings.COMPANY, run is not None and run.status == RunStatus.NEEDS_OWNER
    context = {
        "account": account,
        "run": run,
        "company": company,
        "has_begun": run is not None and run.is_by_hand,
        "waits": waits,
        "error": error,
        "typed": typed,
        "ticked": run.choices.get("ticked", []) if run else [],
        "homes": [(region, place_of(region)) for region in company.home.regions],
    }
    if run is not None and waits:
        context |= {
            "find_old": find_old(company),
            "roles": _stack(company, run.home_region, "roles"),
            "trails": _stack(company, run.home_region, "trails"),
            "tell_role": tell_role(company, run.home_region),
        }
    return render(request, "by_hand.html", context)


def _act(request: HttpRequest, account: AwsAccount, run: Run | None, typed: str) -> tuple[str, object]:
    """Do what was asked; answers which page comes next."""
    user, act = signed_in(request), request.POST.get("act", "")
    if act == "begin" or run is None:
        acts.begin(user, account, request.POST.get("home", ""))
        return "by-hand", account.number
    acts.tick(user, run, request.POST.getlist("ticked"))
    if act == "verify":
        acts.verify(user, run, typed)
        return "run", run.pk
    messages.success(request, _("Noted. Come back whenever you like."))
    return "by-hand", account.number


@login_required
@require_safe
def template(request: HttpRequest, number: str, stack: str) -> HttpResponse:
    own_account(request, number)
    if stack not in {"roles", "trails"}:
        raise Http404
    blueprint, _parameters = _wanted(settings.COMPANY, stack)
    return HttpResponse(
        blueprint.template.body,
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{blueprint.stack_name}.yaml"'},
    )


def find_old(company: Company) -> str:
    """Prints, for each old stack, the command that deletes it; nothing where there is none."""
    old = company.old
    signs = [f"StackName=='{name}'" for name in old.stack_names]
    signs += [f"TemplateDescription=='{text}'" for text in old.descriptions]
    query = (
        f"StackSummaries[?StackStatus!='DELETE_COMPLETE' && ({' || '.join(signs)})]"
        ".[join(' ', ['aws cloudformation delete-stack --region', '$region', '--stack-name', StackName])]"
    )
    return (
        f"for region in {' '.join(DEFAULT_REGIONS)}; do\n"
        f'  aws cloudformation list-stacks --region $region --output text \\\n    --query "{query}"\n'
        f"done"
    )


def tell_role(company: Company, region: str) -> str:
    return (
        f"aws cloudformation describe-stacks --region {region} --output text \\\n"
        f"  --stack-name {company.roles.stack_name} \\\n"
        f"  --query \"Stacks[0].Outputs[?OutputKey=='SecurityAuditRoleArn'].OutputValue\""
    )


def _wanted(company: Company, stack: str) -> tuple[StackBlueprint, dict[str, str]]:
    blueprint = build_blueprint(company)
    if stack == "roles":
        return blueprint.roles, roles_parameters(blueprint)
    return blueprint.trails, trails_parameters(blueprint, regions=DEFAULT_REGIONS, choices={}, attempt=1)


def _stack(company: Company, region: str, stack: str) -> StackByHand:
    wanted, parameters = _wanted(company, stack)
    overrides = " \\\n  ".join(shlex.quote(f"{name}={value}") for name, value in parameters.items())
    file_name = f"{wanted.stack_name}.yaml"
    return StackByHand(
        name=wanted.stack_name,
        url=quick_create_url(wanted, company, region=region, parameters=parameters) or "",
        file_name=file_name,
        command=(
            f"aws cloudformation deploy --region {region} \\\n"
            f"  --stack-name {wanted.stack_name} \\\n"
            f"  --template-file {file_name} \\\n"
            f"  --capabilities {' '.join(wanted.capabilities)} \\\n"
            f"  --no-fail-on-empty-changeset \\\n"
            f"  --parameter-overrides \\\n  {overrides}"
        ),
    )
