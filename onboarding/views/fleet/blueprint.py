"""Which versions of the blueprint are deployed, in how many accounts? Each number leads to its accounts."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from onboarding.blueprint import RELEASES, build_blueprint
from onboarding.fleet.filters import Filters
from onboarding.models import AccountSummary
from onboarding.models.people import STARTS_WORK_AGAIN
from onboarding.models.summary import AccountSummaryQuerySet
from onboarding.views.access import infosec_member


@dataclass(frozen=True, slots=True)
class Version:
    """Accounts with one digest deployed."""

    version: str
    digest: str
    accounts: int
    is_current: bool
    query: str


@login_required
@require_safe
def blueprint(request: HttpRequest) -> HttpResponse:
    user, role = infosec_member(request)
    summaries = AccountSummary.objects.visible_to(user)
    present = build_blueprint(settings.COMPANY)
    behind = Filters(behind="1")
    context = {
        "present": present,
        "releases": reversed(RELEASES),
        "versions": list(_versions(summaries, present.current_digests)),
        "behind": summaries.behind(present.current_digests).count(),
        "behind_query": behind.as_query(),
        "may_act": role in STARTS_WORK_AGAIN,
    }
    return render(request, "fleet/blueprint.html", context)


def _versions(summaries: AccountSummaryQuerySet, current: frozenset[str]) -> Iterator[Version]:
    rows = (
        summaries.exclude(blueprint_digest="")
        .order_by()
        .values_list("blueprint_version", "blueprint_digest")
        .annotate(count=Count("pk"))
        .order_by("-count", "blueprint_digest")
    )
    for version, digest, count in rows:
        query = Filters(blueprint=digest).as_query()
        yield Version(version, digest, count, digest in current, query)
