"""Does each filter list what it says, in any order, page by page, and count what it lists?"""

import csv
import json
import re
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onboarding.blueprint import build_blueprint
from onboarding.fleet.export import csv_parts, json_parts
from onboarding.fleet.filters import REGION_STATES, CoverageIs, Filters
from onboarding.fleet.found import Count, Found, find
from onboarding.fleet.table import ROWS_PER_PAGE, SORTS, page_of
from onboarding.management.made_up import REGIONS
from onboarding.models import AccountSummary
from onboarding.models.summary import AccountSummaryQuerySet
from onboarding.states import AccountState, BlockedOn
from tests.fleet.conftest import ACCOUNTS, COLLEAGUES, TAGS
from tests.fleet.links import length_of, numbers_of

PAGES = ("/fleet/", "/fleet/failures/", "/fleet/map/", "/fleet/accounts/")
# What each filter may be asked for.
ASKED: dict[str, st.SearchStrategy[Any]] = {
    "search": st.sampled_from(
        ["prod", "PAYMENTS", "prod example", "1", "bugs.example.org/1", "nothing such"]
    ),
    "state": st.lists(st.sampled_from(AccountState), max_size=2, unique=True).map(tuple),
    "blocked": st.lists(st.sampled_from(BlockedOn), max_size=2, unique=True).map(tuple),
    "remedy": st.sampled_from(["bucket_policy", "not_admitted", "expired_credentials"]),
    "coverage": st.sampled_from(CoverageIs),
    "region": st.sampled_from([*REGIONS[:12], "xx-none-1"]),
    "region_state": st.sampled_from([*REGION_STATES]),
    "within": st.integers(0, 800),
    "over": st.integers(0, 800),
    "blueprint": st.sampled_from(["a3f1", "0000"]),
    "behind": st.sampled_from(["1"]),
    "tag": st.sampled_from([*TAGS, "nothing-such"]),
    "assigned": st.sampled_from(["nobody", *COLLEAGUES, "stranger@example.org"]),
}
# A few at a time: all at once fit hardly any account, and no number is then taken from the ledger.
FILTERS = (
    st.lists(st.sampled_from(sorted(ASKED)), max_size=3, unique=True)
    .map(lambda names: {*names, *(["region"] if "region_state" in names else [])})
    .flatmap(lambda names: st.fixed_dictionaries({name: ASKED[name] for name in sorted(names)}))
    .map(lambda values: replace(Filters(), **values))
)
MANY = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FEW = settings(MANY, max_examples=25)


def everything(found: Found, sort: str = "number", size: int = 7) -> list[str]:
    """The list's account numbers, page after page."""
    listed: list[str] = []
    after = ""
    while True:
        page = page_of(found.summaries, SORTS[sort], after=after, numbers=found.numbers, size=size)
        listed += [row.number for row in page.rows]
        if not page.after:
            return listed
        after = page.after


def test_the_overview_has_a_number_for_each_state_each_age_and_each_of_its_tiles(
    fleet: None, watching: Client
) -> None:
    found = list(numbers_of(watching.get("/fleet/").text, "/fleet/"))
    assert len(found) >= len(AccountState) + 4 + 6
    assert sum(number for href, number in found if re.fullmatch(r"[^?]*\?state=\w+", href)) >= ACCOUNTS


@pytest.mark.parametrize("path", ["/fleet/accounts/", "/fleet/map/"])
@FEW
@given(filters=FILTERS)
def test_the_page_of_any_filter_says_how_many_rows_it_has(
    path: str, filters: Filters, watching: Client, fleet: None
) -> None:
    address = path + filters.as_query()
    html = watching.get(address).text
    said = re.search(r'<h2 id="found">([\d,]+) accounts?</h2>', html)
    assert said
    assert int(said[1].replace(",", "")) == length_of(watching, f"/fleet/accounts/{filters.as_query()}")
    if path == "/fleet/map/":
        assert html.count('<th scope="row">') == min(int(said[1].replace(",", "")), ROWS_PER_PAGE)


@MANY
@given(filters=FILTERS)
def test_any_filter_lists_what_it_counts_exports_and_shows(
    filters: Filters, watching: Client, fleet: None
) -> None:
    now = timezone.now()
    wanted = filters.apply(AccountSummary.objects.all(), now)
    every = AccountSummary.objects.select_related("account__assignment__user")
    plain = {
        summary.number for summary in every.prefetch_related("account__tags") if fits(summary, filters, now)
    }
    assert set(wanted.values_list("number", flat=True)) == plain
    assert Filters.from_query(QueryDict(filters.as_query()[1:])).as_pairs() == normal(filters).as_pairs()
    found = find(filters, AccountSummary.objects.all(), now)
    assert found.count.number == len(plain)
    for sort in SORTS:
        assert everything(found, sort) == in_order(wanted, sort)
    rows = list(csv.reader(StringIO("".join(csv_parts(wanted)))))
    assert [row[0] for row in rows[1:]] == sorted(plain)
    assert [row["number"] for row in json.loads("".join(json_parts(wanted)))] == sorted(plain)


def in_order(wanted: AccountSummaryQuerySet, sort: str) -> list[str]:
    """All of it, ordered by the database."""
    way = "-" if SORTS[sort].is_descending else ""
    return list(wanted.order_by(f"{way}{SORTS[sort].field}", f"{way}number").values_list("number", flat=True))


def normal(filters: Filters) -> Filters:
    """As an address gives it back: in the words' own order, and no region's state without a region."""
    return filters.but(
        state=tuple(state for state in AccountState if state in filters.state),
        blocked=tuple(who for who in BlockedOn if who in filters.blocked),
        region_state=filters.region_state if filters.region else "",
    )


def fits(summary: AccountSummary, filters: Filters, now: object) -> bool:
    """The same in plain words, one account at a time."""
    age = (now - summary.since).total_seconds() / 86_400  # type: ignore[operator]
    regions = dict(pair.split(":") for pair in summary.regions.split())
    there = regions.get(filters.region)
    in_region = (
        there == filters.region_state
        if filters.region_state not in {"", "uncovered"}
        else (there not in {None, "covered", "skipped"})
    )
    coverage = {
        None: True,
        CoverageIs.UNCOVERED: summary.regions_uncovered > 0,
        CoverageIs.FULL: summary.regions_enabled > 0 and summary.regions_uncovered == 0,
        CoverageIs.UNREAD: summary.regions_enabled == 0,
    }
    tags = {tag.name for tag in summary.account.tags.all()}
    assignment = getattr(summary.account, "assignment", None)
    looks_after = assignment.user.email if assignment else "nobody"
    digest = summary.blueprint_digest
    is_behind = bool(digest) and digest not in build_blueprint(django_settings.COMPANY).current_digests
    return (
        all(word in summary.search for word in filters.search.lower().split())
        and (not filters.state or summary.state in filters.state)
        and (not filters.blocked or summary.blocked_on in filters.blocked)
        and (not filters.remedy or summary.remedy == filters.remedy)
        and coverage[filters.coverage]
        and (not filters.region or in_region)
        and (filters.within is None or age <= filters.within)
        and (filters.over is None or age > filters.over)
        and digest.startswith(filters.blueprint)
        and (not filters.behind or is_behind)
        and (not filters.tag or filters.tag in tags)
        and (not filters.assigned or filters.assigned == looks_after)
    )


def test_what_is_found_beyond_the_limit_is_listed_too(monkeypatch: pytest.MonkeyPatch, fleet: None) -> None:
    for filters in (Filters(search="prod"), Filters(region=REGIONS[0])):
        every = everything(find(filters, AccountSummary.objects.all(), timezone.now()))
        monkeypatch.setattr("onboarding.fleet.found.COUNT_AT_MOST", 3)
        found = find(filters, AccountSummary.objects.all(), timezone.now())
        monkeypatch.undo()
        assert len(every) > 3
        assert (found.count, everything(found)) == (Count(3, is_more=True), every)


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize("sort", SORTS)
def test_a_page_back_is_the_page_that_one_came_from(sort: str, is_named: bool, fleet: None) -> None:
    summaries = AccountSummary.objects.all()
    numbers = list(summaries.order_by("state").values_list("number", flat=True)) if is_named else None
    first = page_of(summaries, SORTS[sort], numbers=numbers, size=10)
    second = page_of(summaries, SORTS[sort], after=first.after, numbers=numbers, size=10)
    assert not first.before
    again = page_of(summaries, SORTS[sort], before=second.before, numbers=numbers, size=10)
    assert [row.number for row in again.rows] == [row.number for row in first.rows]
    assert not again.before


@pytest.mark.parametrize(
    "query",
    [
        "after=x", "after=~", "sort=longest&after=100000000000~yesterday", "before=%00", "state=nothing",
        "sort=uncovered&after=100000000000~999999999999999", "within=-1", "within=99999999999999999999",
        "region=%00&region_state=covered", "search=%25%5F%27%22%5C", "column=nothing",
        "sort=moved&after=100000000000~2026-01-01", "over=1&within=0",
    ],
)  # fmt: skip
def test_an_address_that_somebody_made_up_breaks_nothing(query: str, fleet: None, watching: Client) -> None:
    for page in ("/fleet/accounts/", "/fleet/map/"):
        assert watching.get(f"{page}?{query}").status_code == 200


@pytest.mark.parametrize("path", [*PAGES, "/fleet/accounts/?state=failed&sort=newest", "/fleet/movement/"])
def test_a_page_asks_at_most_twelve_questions(path: str, fleet: None, watching: Client) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert watching.get(path).status_code == 200
    assert len(asked) <= 12


def test_an_account_is_shown_with_at_most_twelve_questions(fleet: None, watching: Client) -> None:
    for state in AccountState:
        summary = AccountSummary.objects.filter(state=state)[0]
        watching.get(f"/fleet/accounts/{summary.number}/")  # who there is to choose from is remembered
        with CaptureQueriesContext(connection) as asked:
            assert watching.get(f"/fleet/accounts/{summary.number}/").status_code == 200
        assert len(asked) <= 12


def test_a_cell_of_an_export_is_no_formula(fleet: None) -> None:
    evil = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\tx", "\rx"]
    with transaction.atomic():
        for summary, name in zip(AccountSummary.objects.all()[:6], evil, strict=True):
            AccountSummary.objects.filter(pk=summary.pk).update(name=name)
    rows = list(csv.reader(StringIO("".join(csv_parts(AccountSummary.objects.all())), newline="")))
    names = [row[1] for row in rows[1:]]
    assert {f"'{name}" for name in evil} <= set(names)
    assert not any(name.startswith(("=", "+", "-", "@", "\t", "\r")) for name in names)


def test_the_chart_is_drawn_alike_in_every_language(fleet: None, watching: Client) -> None:
    html = watching.get("/fleet/", headers={"Accept-Language": "de"}).text
    assert '<html lang="de"' in html
    places = re.findall(r'<text[^>]* x="([^"]*)" y="([^"]*)"', html)
    assert len(places) > 5
    # A decimal comma would put each letter of a label at a place of its own.
    assert not [place for place in places if "," in "".join(place)]
