"""The list of accounts: what an address asks for, a page of it, and all of it as a file."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from onboarding.fleet.columns import (
    BESIDE,
    COLUMNS,
    DEFAULT_COLUMNS,
    chosen_columns,
    fields_of,
    remedy_choices,
    rows_of,
)
from onboarding.fleet.filters import REGION_STATES, CoverageIs, Filters
from onboarding.fleet.found import find
from onboarding.fleet.saved_views import views_for
from onboarding.fleet.table import DEFAULT_SORT, SORTS, page_of, plain_rows
from onboarding.fleet.words import filter_words
from onboarding.models import AccountSummary
from onboarding.models.people import STARTS_WORK_AGAIN
from onboarding.states import AccountState, BlockedOn
from onboarding.views.access import infosec_member
from onboarding.views.fleet.colleagues import colleagues


@login_required
@require_safe
def accounts(request: HttpRequest) -> HttpResponse:
    user, role = infosec_member(request)
    filters = Filters.from_query(request.GET)
    sort = SORTS.get(request.GET.get("sort", ""), DEFAULT_SORT)
    columns = chosen_columns(request.GET.getlist("column"))
    found = find(filters, AccountSummary.objects.visible_to(user), timezone.now())
    beside = [BESIDE[column.word] for column in columns if column.word in BESIDE]
    whole = found.summaries.select_related("account").prefetch_related(*beside).defer("search", "regions")
    page = page_of(
        whole if beside else plain_rows(found.summaries, [*fields_of(columns), sort.field]),
        sort,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
        numbers=found.numbers,
    )
    # What stays the same from page to page, and is no filter.
    kept = [("sort", sort.word)] if sort is not DEFAULT_SORT else []
    kept += [("column", column.word) for column in columns] if columns != DEFAULT_COLUMNS else []
    context = {
        "filters": filters,
        "told": filter_words(filters),
        "count": found.count,
        "rows": rows_of(page.rows, columns),
        "columns": columns,
        "every_column": COLUMNS.values(),
        "sort": sort,
        "sorts": [(each.word, each.label) for each in SORTS.values()],
        "states": AccountState.choices,
        "blockers": BlockedOn.choices,
        "coverages": CoverageIs.choices,
        "remedies": remedy_choices(filters.remedy),
        "region_states": REGION_STATES.items(),
        "after": filters.as_query(kept, after=page.after) if page.after else "",
        "before": filters.as_query(kept, before=page.before) if page.before else "",
        "first": filters.as_query(kept),
        "everything": reverse("fleet-accounts"),
        "may_act": role in STARTS_WORK_AGAIN,
        "colleagues": colleagues(),
        "views": views_for(user.pk),
        "map": reverse("fleet-map") + filters.as_query(),
        "csv": reverse("fleet-accounts-csv") + filters.as_query(),
        "json": reverse("fleet-accounts-json") + filters.as_query(),
    }
    return render(request, "fleet/accounts.html", context)
