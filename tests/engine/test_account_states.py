"""Accounts come in every state: what is right is left alone, what is half done is finished."""

from collections.abc import Callable

import pytest

from onboarding.engine import deadlines
from onboarding.engine.drive import drive
from onboarding.models import Run
from onboarding.services import deciding
from onboarding.states import RegionState, RunStatus, StepKind, StepStatus
from tests.engine.conftest import Owner

OwnerOf = Callable[..., Owner]


def onboard(owner: Owner, *answers: str) -> Run:
    """From the hand-over to the end; each question is answered with whichever of `answers` it has."""
    run = drive(owner.hand_over_credentials().pk)
    if run.status == RunStatus.NEEDS_OWNER:
        asked = deciding.questions_of(run)
        given = {one.key: next(each for each in answers if each in one.options) for one in asked}
        deciding.answer(owner.user, run, deciding.version_of(run), given)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    owner.approve(run)
    return drive(run.pk)


def test_an_account_that_is_already_right_is_verified_without_any_write(owner_of: OwnerOf) -> None:
    owner = owner_of()
    assert onboard(owner).status == RunStatus.VERIFIED
    before = owner.cloud.last_request()

    run = drive(owner.hand_over_credentials().pk)

    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    assert run.approved_digest == ""
    assert owner.writes(after=before) == []


def test_a_half_finished_account_is_finished_and_not_redone(owner_of: OwnerOf) -> None:
    owner = owner_of("half-finished")
    roles = owner.client("cloudformation").describe_stacks(StackName="InfosecClientRoles")["Stacks"][0]

    run = onboard(owner, "delete")

    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    now = owner.client("cloudformation").describe_stacks(StackName="InfosecClientRoles")["Stacks"][0]
    assert now["StackId"] == roles["StackId"]
    for region in owner.regions:
        assert len(owner.logging_trails(region)) == 1


def test_an_owners_own_trails_are_kept(owner_of: OwnerOf) -> None:
    owner = owner_of("own-trails")
    before = [t["TrailARN"] for t in owner.client("cloudtrail", "eu-north-1").describe_trails()["trailList"]]

    assert onboard(owner, "keep").status == RunStatus.VERIFIED

    now = [t["TrailARN"] for t in owner.client("cloudtrail", "eu-north-1").describe_trails()["trailList"]]
    assert set(before) < set(now)


def test_one_region_that_fails_sinks_no_other_and_says_why(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = drive(owner.hand_over_credentials().pk)
    owner.approve(run)
    owner.cloud.fault(
        kind="refuse",
        service="cloudformation",
        action="CreateStack",
        region="eu-north-1",
        account=owner.account.number,
        code="LimitExceededException",
        message="Limit for stack has been exceeded",
    )
    run = drive(run.pk)

    assert run.status == RunStatus.PARTLY_DONE, (run.reason_code, run.failure)
    failed = run.steps.get(kind=StepKind.REGION_TRAIL, region="eu-north-1")
    assert failed.status == StepStatus.FAILED
    assert failed.reason_code == "stack_quota"
    assert failed.failure is not None
    assert "Limit for stack" in failed.failure["message"]
    others = run.steps.filter(kind=StepKind.VERIFY_REGION).exclude(region="eu-north-1")
    assert {step.status for step in others} == {StepStatus.FINISHED}
    assert run.account.readings.get(region="eu-north-1").state == RegionState.FAILED


def test_a_region_that_fails_once_is_tried_again_by_a_new_attempt(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = drive(owner.hand_over_credentials().pk)
    owner.approve(run)
    owner.cloud.fault(
        kind="access-denied",
        service="cloudformation",
        action="CreateStack",
        region="eu-north-1",
        account=owner.account.number,
        count=1,
    )
    run = drive(run.pk)

    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    assert run.attempt == 2
    assert len(owner.writes("UpdateStack")) == 1


def test_a_denied_admission_stops_before_the_first_write_and_names_the_check(owner_of: OwnerOf) -> None:
    owner = owner_of("admission-denied")
    run = drive(owner.hand_over_credentials().pk)
    owner.approve(run)
    run = drive(run.pk)

    assert run.status == RunStatus.FAILED, (run.reason_code, run.failure)
    assert run.failure is not None
    assert "policy" in run.failure["message"]
    assert owner.writes() == []


def test_an_account_is_admitted_before_the_first_write_in_it(owner_of: OwnerOf) -> None:
    owner = owner_of("not-admitted")
    before = owner.cloud.last_request()
    run = onboard(owner)
    assert run.status == RunStatus.VERIFIED
    places = {event.data["operation"]: event.data["place"] for event in run.events.filter(kind="aws.write")}
    assert places["PutBucketPolicy"] == places["SetTopicAttributes"] == "central"
    assert places["CreateStack"] == "account"
    central = [
        r for r in owner.cloud.writes(after=before) if r.action in {"PutBucketPolicy", "SetTopicAttributes"}
    ]
    assert central
    assert max(r.number for r in central) < min(r.number for r in owner.writes("CreateStack"))


def test_an_account_that_changed_after_the_approval_is_planned_again(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = drive(owner.hand_over_credentials().pk)
    owner.cloud.scenario("old-stack", account=owner.account.number, region="eu-west-3")
    owner.approve(run)
    run = drive(run.pk)

    assert (run.status, run.reason_code) == (RunStatus.PLANNED, "account_changed")
    assert owner.writes() == []
    owner.approve(run)
    assert drive(run.pk).status == RunStatus.VERIFIED


@pytest.mark.parametrize(
    ("scenario", "status", "reason_code"),
    [
        ("stopped-trail", RunStatus.VERIFIED, ""),
        ("scp-denied-region", RunStatus.VERIFIED, ""),
        ("exists-in-other-home", RunStatus.VERIFIED, ""),
        ("review-in-progress", RunStatus.PARTLY_DONE, "blocked_name_left"),
    ],
)
def test_accounts_in_odd_states_end_as_they_should(
    owner_of: OwnerOf, scenario: str, status: RunStatus, reason_code: str
) -> None:
    run = onboard(owner_of(scenario), "leave")
    assert (run.status, run.reason_code) == (status, reason_code)


def test_a_region_that_cannot_be_reached_delays_no_other_and_is_never_called_verified(
    owner_of: OwnerOf,
) -> None:
    owner = owner_of()
    owner.cloud.fault(kind="5xx", region="eu-north-1", account=owner.account.number)
    run = onboard(owner)
    assert (run.status, run.reason_code) == (RunStatus.PARTLY_DONE, "region_unreachable")
    covered = run.account.readings.filter(state=RegionState.COVERED)
    assert {reading.region for reading in covered} == {"us-east-1", "us-west-2"}


def test_a_region_that_is_lost_after_the_approval_fails_alone_and_in_good_time(
    owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "MOST_FAULTS_OF_A_REGION", 3)
    owner = owner_of()
    run = drive(owner.hand_over_credentials().pk)
    owner.approve(run)
    owner.cloud.fault(kind="reset", region="eu-north-1", account=owner.account.number)
    run = drive(run.pk)
    assert (run.status, run.reason_code) == (RunStatus.PARTLY_DONE, "region_unreachable")
    assert run.steps.get(kind=StepKind.REGION_TRAIL, region="eu-north-1").status == StepStatus.FAILED
    others = run.steps.filter(kind=StepKind.VERIFY_REGION).exclude(region="eu-north-1")
    assert {step.status for step in others} == {StepStatus.FINISHED}


def test_a_region_that_is_left_out_is_asked_about_again_when_it_is_looked_at_again(owner_of: OwnerOf) -> None:
    owner = owner_of("five-trails", region="eu-north-1")
    assert onboard(owner, "skip").status == RunStatus.VERIFIED
    run = onboard(owner, "skip")
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    assert owner.writes("CreateStack", "UpdateStack", "DeleteStack")[2:] == []
