"""The questions on the page: each answer with what follows, for all or for each, without JavaScript."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from onboarding.models import Run
from onboarding.models.history import move_run
from onboarding.planning import plan, survey_as_json
from onboarding.services import deciding
from onboarding.states import RunStatus
from tests.surveys import BLUEPRINT, make_region, make_survey, old_stack
from tests.views.conftest import SignIn

SURVEY = make_survey(
    make_region("sa-east-1", old_stack(is_termination_protected=True)),
    make_region("eu-west-1", old_stack("eu-west-1", is_termination_protected=True)),
)


@pytest.fixture
def asked(surveying: Run) -> Run:
    made = plan(BLUEPRINT, SURVEY, {})
    fields: dict[str, Any] = {
        "plan": made.as_json(),
        "plan_digest": made.digest,
        "survey": survey_as_json(SURVEY),
    }
    assert move_run(surveying, RunStatus.NEEDS_OWNER, expect=[RunStatus.SURVEYING], **fields)
    return surveying


@pytest.fixture
def browser(owner: User, sign_in: SignIn) -> Client:
    return sign_in(owner)


def address(run: Run) -> str:
    return reverse("decide", args=[run.pk])


def form_of(browser: Client, run: Run) -> dict[str, str]:
    """What a browser would send if nothing were touched."""
    page = browser.get(address(run)).content.decode()
    hidden = dict(re.findall(r'type="hidden" name="(version)" value="([^"]*)"', page))
    chosen = re.findall(r'type="radio" name="([^"]+)" value="([^"]+)"[^>]* checked', page)
    return {**hidden, **{unescape(name): unescape(value) for name, value in chosen}}


def test_the_page_names_what_it_is_about_and_says_what_each_answer_does(browser: Client, asked: Run) -> None:
    page = browser.get(address(asked)).content.decode()
    for words in ("opsec-audit-2015", "sa-east-1", "eu-west-1", "Leave it protected", "Can’t be taken back"):
        assert words in page
    assert "One thing only you can decide" in page
    assert page.count('type="radio"') == 2
    assert page.count("<legend>") == 1


def test_the_safe_answer_is_chosen_until_another_is(browser: Client, asked: Run) -> None:
    sent = form_of(browser, asked)
    answer = browser.post(address(asked), sent)
    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("plan", args=[asked.pk])
    asked.refresh_from_db()
    assert set(deciding.answers_of(asked).values()) == {"leave"}


def test_one_answer_holds_for_all_but_those_that_are_answered_by_themselves(
    browser: Client, asked: Run
) -> None:
    sent = form_of(browser, asked)
    (group,) = set(sent) - {"version"}
    first, second = deciding.questions_of(asked)
    browser.post(address(asked), {**sent, group: "lift", second.key: "leave"})
    asked.refresh_from_db()
    assert deciding.answers_of(asked) == {first.key: "lift", second.key: "leave"}
    again = browser.get(address(asked)).content.decode()
    assert "<details open>" in again
    plan_page = browser.get(reverse("plan", args=[asked.pk])).content.decode()
    assert "What you decided" in plan_page
    assert f'href="{address(asked)}"' in plan_page


def test_an_answer_that_is_missing_or_none_is_told_next_to_its_question(browser: Client, asked: Run) -> None:
    sent = form_of(browser, asked)
    (group,) = set(sent) - {"version"}
    for wrong in ({"version": sent["version"]}, {**sent, group: "burn"}):
        page = browser.post(address(asked), wrong).content.decode()
        assert 'class="error-summary"' in page
        assert f'id="id_{group}_error"' in page
    asked.refresh_from_db()
    assert asked.status == RunStatus.NEEDS_OWNER


def test_of_two_tabs_the_stale_one_is_refused_clearly(browser: Client, asked: Run) -> None:
    first, second = form_of(browser, asked), form_of(browser, asked)
    (group,) = set(first) - {"version"}
    browser.post(address(asked), {**first, group: "lift"})
    answer = browser.post(address(asked), second, follow=True)
    assert "have changed since you opened this page" in answer.content.decode()
    asked.refresh_from_db()
    assert set(deciding.answers_of(asked).values()) == {"lift"}


def test_where_nothing_is_asked_the_page_leads_back_to_the_run(browser: Client, planned: Run) -> None:
    assert browser.get(address(planned)).headers["Location"] == reverse("run", args=[planned.pk])


def test_a_stranger_gets_404_and_who_is_signed_out_signs_in(
    sign_in: SignIn, stranger: User, asked: Run, client: Client
) -> None:
    assert client.get(address(asked)).headers["Location"].startswith("/accounts/login/")
    browser = sign_in(stranger)
    assert browser.get(address(asked)).status_code == 404
    assert browser.post(address(asked), {}).status_code == 404


def test_it_is_read_or_sent_and_nothing_else(browser: Client, asked: Run) -> None:
    assert browser.put(address(asked)).status_code == 405
