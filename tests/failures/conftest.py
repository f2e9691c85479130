"""A stand-in cloud of this directory's own, and what a person sees of a run: its page, and the next act."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from onboarding.engine.drive import drive
from onboarding.models import Run
from onboarding.services import deciding
from onboarding.states import RunStatus
from sandbox.client import Request
from tests.engine.conftest import Owner, cloud, owner_of
from tests.stand_in import running_stand_in
from tests.views.conftest import prove

__all__ = ["cloud", "owner_of"]

OwnerOf = Callable[..., Owner]

OPTIONS = ("--speed", "50", "--log-delivery-seconds", "10")


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with running_stand_in(*OPTIONS) as address:
        yield address


@pytest.fixture(autouse=True)
def _in_a_hurry(cloud: Any, settings: Settings) -> None:
    """Waits that go by the poll shrink with it; no static files were collected."""
    settings.CLOUD_POLL_SECONDS = 0.05
    settings.WHITENOISE_AUTOREFRESH = True


@dataclass(frozen=True, slots=True)
class Page:
    """What its owner sees: the words without markup, and where the one next act leads."""

    words: str
    html: str
    act_words: str
    act_url: str


def browser_of(owner: Owner) -> Client:
    """The owner's, who proved a moment ago who they are."""
    client = Client()
    client.force_login(owner.user)
    prove(client, owner.user, second_factor=False)
    return client


def look(owner: Owner, url: str) -> Page:
    """The page as its owner gets it. At most one act is the first."""
    return page_of(browser_of(owner).get(url).text)


def page_of(html: str) -> Page:
    acts = re.findall(r'<a class="button is-first" id="next-act" href="([^"]*)">([^<]*)</a>', html)
    assert len(acts) <= 1, acts
    url, words = acts[0] if acts else ("", "")
    return Page(as_words(html), html, unescape(words), unescape(url))


def as_words(html: str) -> str:
    """The text of a page, each run of white space one blank."""
    bare = re.sub(r"<(script|style|template)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", bare))).strip()


def run_page(owner: Owner, run: Run) -> Page:
    return look(owner, reverse("run", args=[run.pk]))


def planned(owner: Owner, run: Run | None = None, *answers: str) -> Run:
    """A plan to approve; each question is answered with whichever of `answers` it has."""
    found = drive((run or owner.hand_over_credentials()).pk)
    if answers:
        assert found.status == RunStatus.NEEDS_OWNER, (found.status, found.reason_code)
        decide(owner, found, *answers)
    assert found.status == RunStatus.PLANNED, (found.status, found.reason_code, found.failure)
    return found


def decide(owner: Owner, run: Run, *answers: str) -> None:
    asked = deciding.questions_of(run)
    given = {one.key: next(each for each in answers if each in one.options) for one in asked}
    deciding.answer(owner.user, run, deciding.version_of(run), given)


def approved(owner: Owner, run: Run | None = None, *answers: str) -> Run:
    """Approved, and nothing done of it yet."""
    found = planned(owner, run, *answers)
    owner.approve(found)
    return found


def onboarded(owner: Owner, run: Run | None = None, *answers: str) -> Run:
    """Worked on until a person is needed or it is over."""
    return drive(approved(owner, run, *answers).pk)


def written(requests: list[Request]) -> list[tuple[str, str, str]]:
    """Write calls as (action, region, stack), sorted."""
    return sorted((each.action, each.region, each.stack) for each in requests)


@dataclass(frozen=True, slots=True)
class Told:
    """What a scenario must come to: the state, the words on the page, the one next act, the writes."""

    status: RunStatus
    reason_code: str = ""
    words: tuple[str, ...] = ()
    # The name of the page that the one next act leads to; empty where there is nothing to do but wait.
    act: str = ""
    writes: tuple[tuple[str, str, str], ...] = ()


def assert_told(owner: Owner, run: Run, told: Told, *, after: int = 0) -> Page:
    """The run's page, state, next act and the portal's writes in the account since entry `after`."""
    run.refresh_from_db()
    assert (run.status, run.reason_code) == (told.status, told.reason_code), run.failure
    page = run_page(owner, run)
    for words in told.words:
        assert words in page.words, page.words
    assert page.act_url == (url_of(told.act, run) if told.act else ""), page.act_words
    assert written(owner.writes(after=after)) == sorted(told.writes)
    return page


def url_of(name: str, run: Run) -> str:
    by_account = name in {"hand-over", "start-again", "logs"}
    return reverse(name, args=[run.account.number if by_account else run.pk])


HOME = "us-west-2"
ROLES = ("CreateStack", HOME, "InfosecClientRoles")
PARENT = ("CreateStack", HOME, "DeployCloudTrailCloudFormationStacks")
PARENT_AGAIN = ("UpdateStack", HOME, "DeployCloudTrailCloudFormationStacks")
