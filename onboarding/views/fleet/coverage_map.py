"""The map: accounts down, regions across, from any filter of the list."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from onboarding.fleet.coverage_map import SHOWN, legend, map_of
from onboarding.fleet.filters import CoverageIs, Filters
from onboarding.fleet.found import find
from onboarding.fleet.table import DEFAULT_SORT, SORTS, page_of, plain_rows
from onboarding.fleet.words import filter_words
from onboarding.models import AccountSummary
from onboarding.states import AccountState
from onboarding.views.access import infosec


@login_required
@require_safe
def coverage_map(request: HttpRequest) -> HttpResponse:
    user = infosec(request)
    filters = Filters.from_query(request.GET)
    sort = SORTS.get(request.GET.get("sort", ""), DEFAULT_SORT)
    found = find(filters, AccountSummary.objects.visible_to(user), timezone.now())
    page = page_of(
        plain_rows(found.summaries, (*SHOWN, sort.field)),
        sort,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
        numbers=found.numbers,
    )
    columns, rows = map_of(page.rows)
    kept = [("sort", sort.word)] if sort is not DEFAULT_SORT else []
    context = {
        "filters": filters,
        "told": filter_words(filters),
        "count": found.count,
        "columns": columns,
        "rows": rows,
        "legend": legend(),
        "sort": sort,
        "sorts": [(each.word, each.label) for each in SORTS.values()],
        "states": AccountState.choices,
        "coverages": CoverageIs.choices,
        "here": reverse("fleet-map"),
        "as_list": reverse("fleet-accounts") + filters.as_query(kept),
        "after": filters.as_query(kept, after=page.after) if page.after else "",
        "before": filters.as_query(kept, before=page.before) if page.before else "",
        "first": filters.as_query(kept),
    }
    return render(request, "fleet/map.html", context)
