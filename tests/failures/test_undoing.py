"""Undo: exactly the stacks that the cancelled run created go again, after an approval, and nothing else."""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from onboarding.engine import sweeping
from onboarding.engine.drive import drive
from onboarding.models import AccountSummary, Grant, RegionReading, Run
from onboarding.observed import Stack
from onboarding.planning import Plan
from onboarding.states import AccountState, RegionState, RunStatus, StepKind, StepStatus
from onboarding.stored import survey_as_json, survey_from_json
from tests.engine.conftest import Owner
from tests.failures.conftest import (
    HOME,
    PARENT,
    ROLES,
    OwnerOf,
    approved,
    browser_of,
    run_page,
    url_of,
    written,
)
from tests.views.conftest import consent

S = RunStatus
REGIONAL = "MozillaSecuredCloudTrail"
DELETIONS = [
    ("DeleteStack", HOME, "DeployCloudTrailCloudFormationStacks"),
    ("DeleteStack", HOME, "InfosecClientRoles"),
]


def cancelled_while(owner: Owner, run: Run, kind: StepKind) -> Run:
    """Cancelled as soon as AWS has accepted the creation, and then left to settle."""
    posted: list[bool] = []

    def cancel(now: Run) -> None:
        if (
            not posted
            and now.status == S.RUNNING
            and now.steps.filter(kind=kind).exclude(stack_id="").exists()
        ):
            posted.append(True)
            browser_of(owner).post(url_of("cancel", now))

    run = drive(run.pk, cancel)
    assert posted
    return run


def stacks_left(owner: Owner) -> list[tuple[str, str]]:
    """Every stack of ours that still stands, in any region."""
    names = (REGIONAL, "InfosecClientRoles", "DeployCloudTrailCloudFormationStacks")
    return [(region, name) for region in owner.regions for name in names if owner.status(region, name)]


def undone(owner: Owner, run: Run) -> Run:
    """What the owner's press of "undo" leads to: a plan."""
    browser_of(owner).post(url_of("undo", run))
    run.refresh_from_db()
    assert (run.status, run.reason_code) == (S.CANCELLED, "cancelled_by_owner")
    return drive(run.undone_by.get().pk)


def test_what_a_cancelled_run_created_is_undone_after_an_approval_of_its_own(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = cancelled_while(owner, approved(owner), StepKind.DEPLOY_TRAILS)
    assert run.status == S.CANCELLING
    assert run.grant is not None
    assert run.grant.sealed is not None
    page = run_page(owner, run)
    assert (page.act_words, page.act_url) == ("Leave it, or undo it", url_of("leave-as-is", run))
    asked = browser_of(owner).get(page.act_url).text
    assert "Undo what this run created" in asked
    before = owner.cloud.last_request()

    again = undone(owner, run)
    assert (again.status, again.reason_code) == (S.PLANNED, ""), again.failure
    assert again.grant_id == run.grant_id
    assert owner.writes(after=before) == []
    browser = browser_of(owner)
    assert browser.post(url_of("approve", again), {"digest": again.plan_digest}).status_code == 200
    again.refresh_from_db()
    assert again.status == S.PLANNED
    browser.post(url_of("approve", again), {**consent(again), "tick": ["1", "2"]})

    again = drive(again.pk)
    assert (again.status, again.reason_code) == (S.CANCELLED, "undone"), again.failure
    assert written(owner.writes(after=before)) == sorted(DELETIONS)
    deleted = again.events.filter(kind="aws.write").values_list("data__stack", flat=True)
    assert list(deleted) == ["DeployCloudTrailCloudFormationStacks", "InfosecClientRoles"]
    assert stacks_left(owner) == []
    assert [region for region in owner.regions if owner.logging_trails(region)] == []
    assert again.grant is not None
    assert again.grant.sealed is None
    words = run_page(owner, again).words
    assert "Every stack that the cancelled run had created is gone" in words
    summary = AccountSummary.objects.get(account=owner.account)
    assert (summary.state, summary.regions_covered) == (AccountState.CANCELLED, 0)
    states = RegionReading.objects.filter(account=owner.account).values_list("state", flat=True)
    assert not set(states) & {RegionState.LOGGING, RegionState.COVERED}


def test_a_stack_that_was_there_before_stays(owner_of: OwnerOf) -> None:
    """The first run made the roles; the second, which only makes the trails, undoes those alone."""
    owner = owner_of()
    run = cancelled_while(owner, approved(owner), StepKind.DEPLOY_ROLES)
    assert run.status == S.CANCELLING
    browser_of(owner).post(url_of("leave-as-is", run))
    assert stacks_left(owner) == [(HOME, "InfosecClientRoles")]

    run = cancelled_while(owner, approved(owner), StepKind.DEPLOY_TRAILS)
    before = owner.cloud.last_request()
    again = undone(owner, run)
    browser_of(owner).post(url_of("approve", again), {**consent(again), "tick": ["1"]})
    again = drive(again.pk)
    assert (again.status, again.reason_code) == (S.CANCELLED, "undone"), again.failure
    assert written(owner.writes(after=before)) == DELETIONS[:1]
    assert stacks_left(owner) == [(HOME, "InfosecClientRoles")]


def test_regional_stacks_that_were_there_before_keep_their_parent(owner_of: OwnerOf) -> None:
    """The parent would take along every regional stack, so it isn't deleted where one isn't the run's own."""
    owner = owner_of()
    run = cancelled_while(owner, approved(owner), StepKind.DEPLOY_TRAILS)
    region = owner.regions[0]
    found = owner.client("cloudformation", region).describe_stacks(StackName=REGIONAL)["Stacks"][0]["StackId"]
    assert run.survey is not None
    survey = survey_from_json(run.survey)
    stack = Stack(stack_id=found, name=REGIONAL, region=region, status="CREATE_COMPLETE")
    there = tuple(
        replace(each, stacks=(stack,)) if each.region == region else each for each in survey.regions
    )
    # As if the survey before the first write had found it.
    Run.objects.filter(pk=run.pk).update(survey=survey_as_json(replace(survey, regions=there)))
    run.steps.filter(kind=StepKind.REGION_TRAIL, region=region).update(stack_id="")
    before = owner.cloud.last_request()
    again = undone(owner, run)
    browser_of(owner).post(url_of("approve", again), {**consent(again), "tick": ["2"]})
    again = drive(again.pk)
    assert (again.status, again.reason_code) == (S.PARTLY_DONE, "undo_would_take_more"), again.failure
    assert written(owner.writes(after=before)) == DELETIONS[1:]
    assert owner.status(region, REGIONAL)


def test_who_doesnt_choose_within_thirty_minutes_leaves_things_as_they_are(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = cancelled_while(owner, approved(owner), StepKind.DEPLOY_ROLES)
    assert run.status == S.CANCELLING
    for minutes, status in ((29, S.CANCELLING), (31, S.CANCELLED)):
        sweeping.sweep(run.status_since + timedelta(minutes=minutes))
        run.refresh_from_db()
        assert run.status == status
    assert run.grant is not None
    run.grant.refresh_from_db()
    assert run.grant.sealed is None
    assert owner.status(HOME, "InfosecClientRoles") == "CREATE_COMPLETE"
    assert written(owner.writes()) == [ROLES]


def test_without_the_access_undoing_asks_for_another_hand_over_first(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = cancelled_while(owner, approved(owner), StepKind.DEPLOY_ROLES)
    assert run.grant is not None
    Grant.objects.filter(pk=run.grant.pk).update(claimed_expiry=timezone.now())
    sweeping.sweep(timezone.now())
    again = undone(owner, run)
    assert (again.status, again.reason_code) == (S.NEEDS_ACCESS, "undo_needs_access")
    assert owner.hand_over_credentials().pk == again.pk
    again = drive(again.pk)
    assert again.status == S.PLANNED, again.failure
    deletions = Plan.from_json(again.plan or {}).deletions
    assert [step.target for step in deletions] == ["InfosecClientRoles"]


def test_where_nothing_was_created_a_cancelled_run_ends_at_once(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = approved(owner)
    posted: list[bool] = []

    def cancel(now: Run) -> None:
        removal = now.steps.filter(kind=StepKind.REMOVE_STACK).exclude(status=StepStatus.WAITING)
        if not posted and removal.exists() and now.status == S.RUNNING:
            posted.append(True)
            browser_of(owner).post(url_of("cancel", now))

    run = drive(run.pk, cancel)
    assert (run.status, PARENT in written(owner.writes())) == (S.CANCELLED, False)


def test_undoing_twice_has_one_effect(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = cancelled_while(owner, approved(owner), StepKind.DEPLOY_ROLES)
    for _ in range(2):
        browser_of(owner).post(url_of("undo", run))
    assert run.undone_by.count() == 1
