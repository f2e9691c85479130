"""Do pages ask the database as much for many as for few? Each count is of one request, sign-in included."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from onboarding.models import AwsAccount, Ownership, RegionReading, Run
from onboarding.models.stages import lay_out
from onboarding.planning import Plan
from onboarding.states import RegionState, RunStatus
from tests.services.conftest import make_plan
from tests.views.conftest import SignIn
from tests.views.test_weight import PAGES_OF_A_RUN, PAGES_OF_AN_ACCOUNT

NOW = "2026-11-23T12:00:00Z"


def queries_for(browser: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert browser.get(url).status_code == 200
    return len(asked)


def add_accounts(owner: User, numbers: range) -> None:
    for number in numbers:
        account = AwsAccount.objects.create(number=f"{number:012}", name="IT", contact_email=owner.email)
        Ownership.objects.create(account=account, user=owner)
        for status in (RunStatus.FAILED, RunStatus.PLANNED):
            Run.objects.create(account=account, status=status)


def test_fifty_accounts_are_listed_with_the_queries_of_two(owner: User, sign_in: SignIn) -> None:
    browser = sign_in(owner)
    add_accounts(owner, range(2))
    of_two = queries_for(browser, reverse("front"))
    add_accounts(owner, range(2, 50))
    assert queries_for(browser, reverse("front")) == of_two < 16


def test_a_run_in_forty_regions_is_shown_with_the_queries_of_one_in_none(
    browser: Client, planned: Run
) -> None:
    url = reverse("run", args=[planned.pk])
    queries_for(browser, url)  # what stages usually take is remembered from now on
    before = queries_for(browser, url)
    lay_out(planned, Plan.from_json(make_plan().as_json()))
    for number in range(40):
        RegionReading.objects.create(
            account=planned.account, region=f"eu-west-{number}", state=RegionState.LOGGING, read_at=NOW
        )
    assert queries_for(browser, url) == before < 16


@pytest.mark.parametrize("name", ["register", "front", *PAGES_OF_A_RUN, *PAGES_OF_AN_ACCOUNT])
def test_an_owners_page_asks_at_most_ten_questions(name: str, planned: Run, browser: Client) -> None:
    words = {"run_id": planned.pk} if name in PAGES_OF_A_RUN else {"number": planned.account.number}
    url = reverse(name, kwargs={} if name in {"register", "front"} else words)
    queries_for(browser, url)  # what stages usually take is remembered from now on
    assert queries_for(browser, url) <= 10
