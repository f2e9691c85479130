"""How does an owner take everything back, by their own hand? Commands in the right order, and what each does.

The trails go first, by the parent stack whose function removes them in every region; the roles after them, as
infosec watches through them until then; the hand-over last. Run as they stand by a test.
"""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from onboarding.company import Company
from onboarding.models import AwsAccount
from onboarding.states import RegionState
from onboarding.views.access import visible_account


@dataclass(frozen=True, slots=True)
class Leaving:
    """The commands, each for one heading of the page."""

    remove_trails: str
    # Prints a line for each region that still has its stack: nothing, when all are gone.
    look: str
    remove_roles: str
    remove_hand_over: str


@login_required
@require_safe
def leave(request: HttpRequest, number: str) -> HttpResponse:
    account = visible_account(request, number)
    context = {
        "account": account,
        "company": settings.COMPANY,
        "run": account.runs.first(),
        "leaving": leaving(settings.COMPANY, home_region=_home(account), regions=_regions(account)),
    }
    return render(request, "leave.html", context)


def leaving(company: Company, *, home_region: str, regions: tuple[str, ...]) -> Leaving:
    return Leaving(
        remove_trails=_delete(company.trails.parent_stack_name, home_region),
        look=(
            f"for region in {' '.join(regions)}; do\n"
            f"  aws cloudformation list-stacks --region $region --output text \\\n"
            f"    --query \"StackSummaries[?StackName=='{company.trails.regional_stack_name}'"
            f" && StackStatus!='DELETE_COMPLETE'].[join(' ', ['$region', StackName, StackStatus])]\"\n"
            f"done"
        ),
        remove_roles=_delete(company.roles.stack_name, home_region),
        remove_hand_over=_delete(company.portal.handover_stack_name, company.home.regions[0]),
    )


def _delete(stack_name: str, region: str) -> str:
    """Of a stack that isn't there both say yes, too."""
    return (
        f"aws cloudformation delete-stack --region {region} \\\n  --stack-name {stack_name}\n"
        f"aws cloudformation wait stack-delete-complete --region {region} \\\n  --stack-name {stack_name}"
    )


def _home(account: AwsAccount) -> str:
    latest = account.runs.exclude(home_region="").values_list("home_region", flat=True).first()
    return latest or settings.COMPANY.home.regions[0]


def _regions(account: AwsAccount) -> tuple[str, ...]:
    """Where a trail of ours was ever wanted."""
    known = account.readings.exclude(state=RegionState.SKIPPED).order_by("region")
    return tuple(known.values_list("region", flat=True)) or settings.COMPANY.home.regions
