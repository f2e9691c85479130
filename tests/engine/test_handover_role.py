"""The hand-over role as shipped is enough for the whole job, and each of its statements is needed for it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from onboarding import needs
from onboarding.engine.drive import drive
from onboarding.models import Event, Run
from onboarding.states import RunStatus
from tests.engine.conftest import Owner
from tests.engine.test_preflight import hand_over_with

OwnerOf = Callable[..., Owner]

ASKING = "AskWhatThisRoleMayDo"
STATEMENTS = [each["Sid"] for each in needs.policy_of(settings.COMPANY, "0" * 12)["Statement"]]
READING = {"LookRound", "ReadStacks", "ReadRoles"}


def without(owner: Owner, *sids: str) -> dict[str, Any]:
    policy = needs.policy_of(settings.COMPANY, owner.account.number)
    return {**policy, "Statement": [each for each in policy["Statement"] if each["Sid"] not in sids]}


def told(run: Run) -> dict[str, Any]:
    data: dict[str, Any] = Event.objects.filter(run=run, kind="preflight.done").latest("number").data
    return data


@pytest.mark.parametrize("scenario", ["old-stack", "half-finished", "stopped-trail"])
def test_the_role_from_the_template_is_enough(owner_of: OwnerOf, scenario: str) -> None:
    """From nothing with an old stack; cleaning up and going on after a failed attempt; mending a trail."""
    owner = owner_of(scenario)
    run = drive(owner.hand_over_role().pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    assert (told(run)["is_simulated"], told(run)["missing"], told(run)["cannot_tell"]) == (True, [], [])
    owner.approve(run)
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)


@pytest.mark.parametrize("sid", [sid for sid in STATEMENTS if sid != ASKING and sid not in READING])
def test_without_any_writing_statement_the_job_fails(owner_of: OwnerOf, sid: str) -> None:
    """The pre-flight is kept from telling so beforehand: what happens then is the proof."""
    owner = owner_of("old-stack")
    run = drive(owner._choose(hand_over_with(owner, without(owner, sid, ASKING))).pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    assert told(run)["cannot_tell"]
    owner.approve(run)
    run = drive(run.pk)
    assert run.status in {RunStatus.PARTLY_DONE, RunStatus.FAILED, RunStatus.NEEDS_ACCESS}
    assert run.reason_code != ""


@pytest.mark.parametrize("sid", sorted(READING))
def test_without_any_reading_statement_nothing_is_begun(owner_of: OwnerOf, sid: str) -> None:
    owner = owner_of("old-stack")
    run = drive(owner._choose(hand_over_with(owner, without(owner, sid, ASKING))).pk)
    assert (run.status, run.reason_code) == (RunStatus.NEEDS_ACCESS, "missing_permissions")
    assert owner.writes() == []


def test_without_the_right_to_ask_the_preflight_can_tell_less(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = drive(owner._choose(hand_over_with(owner, without(owner, ASKING))).pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    assert "iam:CreateRole" in {each["action"] for each in told(run)["cannot_tell"]}
