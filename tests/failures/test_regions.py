"""What goes wrong with a single region, or with the list of them: no other region is delayed or sunk."""

import pytest

from onboarding.engine import deadlines
from onboarding.engine.drive import drive
from onboarding.states import RegionState, RunStatus, StepKind, StepStatus
from tests.failures.conftest import (
    HOME,
    PARENT,
    ROLES,
    OwnerOf,
    Told,
    approved,
    assert_told,
    look,
    onboarded,
    planned,
    url_of,
)

S = RunStatus
BOTH = (ROLES, PARENT)


def test_21_an_organization_blocks_a_region(owner_of: OwnerOf) -> None:
    owner = owner_of("scp-denied-region", region="eu-north-1")
    run = planned(owner)
    words = look(owner, url_of("plan", run)).words
    assert "Your organization’s policies or the role’s rights deny access here" in words
    assert "Stockholm (eu-north-1)" in words
    owner.approve(run)
    page = assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=BOTH))
    assert "Stockholm eu-north-1 Skipped" in page.words
    made = {each.region for each in owner.cloud.writes(account=owner.account.number)}
    assert "eu-north-1" not in made


def test_22_an_organization_forbids_it_where_the_stacks_live(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    owner.cloud.fault(
        kind="scp-denied",
        service="cloudformation",
        action="CreateStack",
        region=HOME,
        account=owner.account.number,
    )
    words = (
        "The organization forbids this",
        "Ask your organization's administrators to allow",
        "explicit deny in a service control policy",
        "cloudformation:CreateStack",
    )
    run = drive(run.pk)
    assert_told(owner, run, Told(S.FAILED, "denied_by_organization", words, act="retry"))


def test_23_a_region_is_not_enabled(owner_of: OwnerOf) -> None:
    """Opted in by the list, and unknown there: still being enabled. Skipped, and no fault of anybody's."""
    owner = owner_of()
    owner.cloud.account(
        owner.account.number,
        name="Ours",
        alias=f"ours-{owner.account.number}",
        enabled_opt_in_regions=["af-south-1"],
    )
    owner.cloud.fault(kind="region-disabled", region="af-south-1", account=owner.account.number)
    run = planned(owner, owner.hand_over_role())
    words = look(owner, url_of("plan", run)).words
    assert "Not enabled in this account, so there is nothing to protect" in words
    assert "Cape Town (af-south-1)" in words
    owner.approve(run)
    page = assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=BOTH))
    assert "Cape Town af-south-1 Skipped" in page.words


def test_24_the_regions_cannot_be_listed(owner_of: OwnerOf) -> None:
    owner = owner_of()
    for action in ("DescribeRegions", "ListRegions"):
        owner.cloud.fault(kind="access-denied", action=action, account=owner.account.number)
    run = planned(owner)
    words = look(owner, url_of("plan", run)).words
    assert "only the regions that are enabled by default are covered" in words
    owner.approve(run)
    words_at_last = ("Only the default regions were looked at", "it may list regions")
    told = Told(S.PARTLY_DONE, "regions_not_listed", words_at_last, act="start-again", writes=BOTH)
    assert_told(owner, drive(run.pk), told)


def test_25_a_region_cannot_be_reached(owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are done; when it is back, only this region's stack is added."""
    monkeypatch.setattr(deadlines, "MOST_FAULTS_OF_A_REGION", 3)
    owner = owner_of()
    run = approved(owner)
    owner.cloud.fault(kind="reset", region="eu-north-1", account=owner.account.number)
    run = drive(run.pk)
    words = (
        "The region eu-north-1 could not be reached",
        "The other regions go on",
        "2 of 17 regions covered",
    )
    told = Told(S.PARTLY_DONE, "region_unreachable", words, act="retry", writes=BOTH)
    page = assert_told(owner, run, told)
    assert "Stockholm eu-north-1 Failed" in page.words
    covered = run.account.readings.filter(state=RegionState.COVERED)
    assert {reading.region for reading in covered} == {"us-east-1", HOME}


def test_26_throttled(owner_of: OwnerOf) -> None:
    """Slower, and otherwise as if nothing were: no step changes its status for it."""
    owner = owner_of()
    run = approved(owner)
    for service, count in (("cloudformation", 30), ("cloudtrail", 15), ("ec2", 6)):
        owner.cloud.fault(
            kind="throttle", service=service, account=owner.account.number, probability=0.5, count=count
        )
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=BOTH))
    assert {step.status for step in run.steps.all()} == {StepStatus.FINISHED}
    failed = run.events.filter(kind="step.status", data__status__in=["failed", "refused"])
    assert not failed.exists()
    assert sum(each["played"] for each in owner.cloud.faults()) > 10


def test_26_throttled_for_ever(owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "MOST_FAULTS", 2)
    owner = owner_of()
    run = approved(owner)
    owner.cloud.fault(
        kind="throttle", service="cloudformation", action="CreateStack", region=HOME,
        account=owner.account.number,
    )  # fmt: skip
    words = ("AWS asks us to go slower", "Rate exceeded")
    assert_told(owner, drive(run.pk), Told(S.FAILED, "throttled", words, act="retry"))


def test_every_refused_region_is_told_by_its_own_words(owner_of: OwnerOf) -> None:
    """A body that isn't AWS's own, in one region: that region alone, and no crash."""
    owner = owner_of()
    owner.cloud.fault(kind="unparseable", region="eu-north-1", account=owner.account.number)
    run = onboarded(owner)
    assert run.status == S.PARTLY_DONE
    assert run.steps.filter(kind=StepKind.VERIFY_REGION, status=StepStatus.FINISHED).count() >= 2
