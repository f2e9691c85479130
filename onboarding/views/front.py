"""The first page: what this is, or for who is signed in, their accounts and what is next for each.

Who is of infosec and owns no account goes on to the fleet.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from onboarding.middleware.gatekeeper import demand_second_factor
from onboarding.models import AwsAccount, Run
from onboarding.models.people import role_of, sees_every_account
from onboarding.progress.acts import Act, next_act
from onboarding.views.access import viewer


@dataclass(frozen=True, slots=True)
class AccountLine:
    account: AwsAccount
    run: Run | None
    url: str
    act: Act | None
    owners: tuple[str, ...]
    owns: bool


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return render(request, "front.html")
    user = viewer(request)
    role = role_of(user)
    if role and not AwsAccount.objects.owned_by(user).exists():
        demand_second_factor(request)
        # They watch all accounts and have none of their own to go on with.
        return redirect("fleet")
    sees_all = sees_every_account(user)
    accounts = AwsAccount.objects.owned_by(user).prefetch_related("ownerships__user").distinct()
    latest = _latest_runs(accounts)
    lines = [_line(account, latest.get(account.pk), user.pk) for account in accounts]
    return render(
        request,
        "accounts.html",
        {
            "lines": lines,
            "sees_all": sees_all,
            "lacks_second_factor": role is not None and not sees_all,
        },
    )


def _latest_runs(accounts: Iterable[AwsAccount]) -> dict[int, Run]:
    """The newest run of each account."""
    runs = (
        Run.objects.filter(account__in=accounts).order_by("account_id", "created_at").defer("survey", "plan")
    )
    return {run.account_id: run for run in runs}


def _line(account: AwsAccount, run: Run | None, user_id: int) -> AccountLine:
    owners = [ownership.user for ownership in account.ownerships.all()]
    owns = any(owner.pk == user_id for owner in owners)
    return AccountLine(
        account=account,
        run=run,
        url=reverse("run", args=[run.pk])
        if run
        else reverse("hand-over", args=[account.number])
        if owns
        else "",
        act=next_act(account, run) if owns else None,
        owners=tuple(owner.email for owner in owners),
        owns=owns,
    )
