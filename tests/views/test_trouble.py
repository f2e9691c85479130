"""When our side fails, a person reads what happened and what to do, whatever it was that failed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.test import Client
from django.urls import reverse

from onboarding.models import Run

Ask = Callable[[], Any]

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(browser: Client) -> Client:
    """The owner's browser: it is answered, where the test client would raise."""
    browser.raise_request_exception = False
    return browser


def failing(error: Exception) -> AbstractContextManager[None]:
    def fail(*_: object) -> object:
        raise error

    return connection.execute_wrapper(fail)


@pytest.fixture(params=["page", "act", "sign-in"])
def ask(request: pytest.FixtureRequest, patient: Client, planned: Run) -> Ask:
    page = reverse("run", args=[planned.pk])
    asks: dict[str, Ask] = {
        "page": lambda: patient.get(page),
        "act": lambda: patient.post(f"{page}approve/", {"digest": planned.plan_digest}),
        "sign-in": lambda: Client(raise_request_exception=False).post(
            "/accounts/login/", {"login": "owner@example.org", "password": "x"}
        ),
    }
    return asks[request.param]


@pytest.mark.parametrize(
    "error", [OperationalError("gone: postgres://user:secret@db"), InterfaceError("closed")]
)
def test_a_database_that_is_away_is_told_as_that_and_as_passing(ask: Ask, error: Exception) -> None:
    with failing(error):
        answer = ask()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["Cache-Control"] == "no-store"
    text = answer.content.decode()
    assert "can’t reach its database" in text
    assert "Wait a minute" in text
    assert "secret" not in text


def test_a_mistake_of_ours_is_not_told_as_a_database_that_is_away(patient: Client, owner: User) -> None:
    with failing(IntegrityError("twice")):
        answer = patient.get("/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()
