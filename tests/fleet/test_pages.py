"""Does every number on every page of infosec's equal the length of the list that it links to?"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from onboarding.models import AccountSummary, AwsAccount, Batch, BatchKind, Member, Notice, StaffRole
from onboarding.models.notice import NoticeOutcome
from onboarding.services import bulk
from onboarding.states import AccountState, RegionState, RunStatus
from tests.fleet.conftest import make_fleet
from tests.fleet.links import length_of, numbers_of
from tests.views.conftest import SignIn

ACCOUNTS = 45
# Pages with numbers that lead somewhere.
PAGES = (
    "/fleet/", "/fleet/failures/", "/fleet/map/", "/fleet/accounts/", "/fleet/blueprint/",
    "/fleet/invitations/", "/fleet/invitations/?state=unasked",
)  # fmt: skip
SOME_FLEETS = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    # To make a fleet smaller takes minutes and shows nothing.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@contextmanager
def a_fleet(seed: int) -> Iterator[None]:
    """Gone again afterwards: an example must not see what the one before it left."""
    with transaction.atomic():
        make_fleet(accounts=ACCOUNTS, seed=seed)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def operating(operator: User, analyst: User, sign_in: SignIn) -> Client:
    return sign_in(operator)


@SOME_FLEETS
@given(seed=st.integers(0, 10_000))
def test_every_number_is_the_length_of_the_list_it_links_to(seed: int, operating: Client) -> None:
    with a_fleet(seed):
        lengths: dict[str, int] = {}
        for page in (*PAGES, *_batches()):
            found = list(numbers_of(operating.get(page).text, page))
            assert found or page in {"/fleet/map/", "/fleet/accounts/"}, page
            for address, number in found:
                if address not in lengths:
                    lengths[address] = length_of(operating, address)
                assert lengths[address] == number, (page, address)


def _batches() -> Iterator[str]:
    """A judged act of each kind, on all accounts."""
    operator = User.objects.get(email="operator@example.org")
    ids = list(AwsAccount.objects.values_list("pk", flat=True))
    for kind in (BatchKind.TAG, BatchKind.RETRY, BatchKind.REMIND, BatchKind.ASSIGN):
        batch = bulk.judge_accounts(operator, kind, ids, {"tag": "prod", "user_id": operator.pk})
        yield f"/fleet/batches/{batch.pk}/"


@SOME_FLEETS
@given(seed=st.integers(0, 10_000))
def test_numbers_without_a_link_of_their_own_are_counts_too(seed: int, operating: Client) -> None:
    with a_fleet(seed):
        uncovered = length_of(operating, "/fleet/map/")
        enabled = sum(AccountSummary.objects.values_list("regions_enabled", flat=True))
        told = f"{enabled - uncovered} of {enabled} enabled regions are covered"
        assert told in operating.get("/fleet/").text
        behind = length_of(operating, "/fleet/accounts/?behind=1")
        assert re.search(
            rf"<h1>\s*{behind} accounts? (?:is|are) behind", operating.get("/fleet/blueprint/").text
        )
        clusters = re.findall(
            r'href="(/fleet/failures/\w+/retry/)">Start (\d+) again', operating.get("/fleet/failures/").text
        )
        for path, number in clusters:
            page = operating.get(path).text
            assert re.search(rf"<h1>Start {number} accounts? again\?</h1>", page)
            which = re.search(r'href="(/fleet/accounts/\?[^"]*)"', page)
            assert which
            assert length_of(operating, which[1].replace("&amp;", "&")) == int(number)


@SOME_FLEETS
@given(seed=st.integers(0, 10_000))
def test_the_numbers_of_an_account_are_those_of_its_rows(seed: int, operating: Client) -> None:
    with a_fleet(seed):
        for state in AccountState:
            summary = AccountSummary.objects.filter(state=state).order_by("number").first()
            if summary is not None:
                _compare(operating.get(f"/fleet/accounts/{summary.number}/").text, summary)


def _compare(html: str, summary: AccountSummary) -> None:
    words = re.findall(r'<span class="region-state tone-\w+"><span[^>]*>.</span> ([^<]+)</span>', html)
    covered = words.count(str(RegionState.COVERED.label))
    left_out = words.count(str(RegionState.SKIPPED.label))
    wanted = len(words) - left_out
    assert f'<a href="#regions"><strong>{covered}</strong> of {wanted}</a>' in html
    named = re.findall(r'<a class="whole" href="#([^"]+)">\1</a>', html)
    assert len(named) == wanted - covered
    assert all(f'<tr id="{region}">' in html for region in named)
    header = re.search(r'<a href="#standing">(\d+) regions? uncovered</a>', html)
    assert (int(header[1]) if header else 0) == len(named)
    told = re.search(r"<summary>(\d+) regions? (?:is|are) left out</summary>", html)
    assert (int(told[1]) if told else 0) == left_out
    assert (covered, wanted) == (summary.regions_covered, summary.regions_enabled)


def test_the_people_and_what_they_could_not_be_told_are_counted(
    fleet: None, analyst: User, sign_in: SignIn
) -> None:
    superuser = User.objects.create_user("superuser", "superuser@example.org")
    Member.objects.create(user=superuser, role=StaffRole.SUPERUSER)
    failed = AccountSummary.objects.filter(state=AccountState.FAILED)[:3]
    for summary, run in [(each, each.latest_run) for each in failed]:
        assert run is not None
        Notice.objects.create(
            run=run,
            event_number=1,
            status=RunStatus.FAILED,
            channel="mail",
            recipient="owner@example.org",
            handled_at=summary.since,
            outcome=NoticeOutcome.GIVEN_UP,
        )
    client = sign_in(superuser)
    page = client.get("/staff/").text
    assert "3 people</h2>" in page
    assert page.count('<tr><th scope="row">') == Member.objects.count() == 3
    assert "3 mails and comments did not get there" in client.get("/fleet/").text
    assert length_of(client, "/notices/") == 3


def test_the_tabs_of_invitations_count_each_account_once(fleet: None, operating: Client) -> None:
    html = operating.get("/fleet/invitations/").text
    tabs = dict(numbers_of(html, "/fleet/invitations/"))
    assert len(tabs) == 6
    assert sum(tabs.values()) > 0
    assert not Batch.objects.exists()
