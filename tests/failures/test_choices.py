"""What only the owner may decide: asked by name before anything is written, and done as answered, no more."""

from dataclasses import dataclass

import pytest

from onboarding.engine.drive import drive
from onboarding.states import RunStatus
from tests.failures.conftest import (
    HOME,
    PARENT,
    ROLES,
    OwnerOf,
    Told,
    approved,
    assert_told,
    decide,
    look,
    onboarded,
    url_of,
)

S = RunStatus
BOTH = (ROLES, PARENT)
OLD = "opsec-security-audit-role"
DELETED = ("DeleteStack", "sa-east-1", OLD)
UNPROTECTED = ("UpdateTerminationProtection", "sa-east-1", OLD)
CLEARED = ("DeleteStack", HOME, "InfosecClientRoles")


@dataclass(frozen=True, slots=True)
class Asked:
    """The question on its page, the answer that allows more, and what either answer comes to."""

    words: tuple[str, ...]
    option: str
    writes: tuple[tuple[str, str, str], ...]
    left: str


QUESTIONS = {
    "old-stack-with-extra-resources": Asked(
        ("delete the old stack with what else is in it?", "AWS::SNS::Topic", OLD), "remove", (DELETED,),
        "old_role_in_stack",
    ),
    "termination-protected": Asked(
        ("lift the old stack’s termination protection?", OLD), "lift", (UNPROTECTED, DELETED),
        "old_role_in_stack",
    ),
    "foreign-policy-on-old-role": Asked(
        ("take off what was attached to the old role by hand?", "ReadOnlyAccess"), "detach",
        (("DetachRolePolicy", "us-east-1", ""), DELETED), "old_role_in_stack",
    ),
    "review-in-progress": Asked(
        ("delete what holds our stack’s name?", "InfosecClientRoles", "REVIEW_IN_PROGRESS"), "delete",
        (CLEARED,), "blocked_name_left",
    ),
}  # fmt: skip


@pytest.mark.parametrize("scenario", QUESTIONS)
def test_asked_and_done_with_consent(owner_of: OwnerOf, scenario: str) -> None:
    asked, owner = QUESTIONS[scenario], owner_of(scenario)
    run = drive(owner.hand_over_credentials().pk)
    assert_told(owner, run, Told(S.NEEDS_OWNER, "owner_must_decide", act="decide"))
    page = look(owner, url_of("decide", run))
    for words in asked.words:
        assert words in page.words, page.words
    before = run.plan_digest
    decide(owner, run, asked.option)
    assert run.plan_digest != before
    owner.approve(run)
    writes = (*BOTH, *asked.writes)
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=writes))


@pytest.mark.parametrize("scenario", QUESTIONS)
def test_left_alone_without_it(owner_of: OwnerOf, scenario: str) -> None:
    asked, owner = QUESTIONS[scenario], owner_of(scenario)
    run = onboarded(owner, None, "leave")
    run.refresh_from_db()
    assert (run.status, run.reason_code) == (S.PARTLY_DONE, asked.left), run.failure
    assert owner.writes("DeleteStack", "UpdateTerminationProtection", "DetachRolePolicy") == []


def test_44_it_lives_in_the_other_home_region(owner_of: OwnerOf) -> None:
    owner = owner_of("exists-in-other-home")
    run = approved(owner)
    words = look(owner, url_of("plan", run)).words
    assert "The stack InfosecClientRoles is already as it should be" in words
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=(("CreateStack", "us-east-1",
                "DeployCloudTrailCloudFormationStacks"),)))  # fmt: skip
    assert owner.status(HOME, "InfosecClientRoles") == ""


def test_60_five_trails(owner_of: OwnerOf) -> None:
    owner = owner_of("five-trails", region="eu-north-1")
    run = drive(owner.hand_over_credentials().pk)
    assert_told(owner, run, Told(S.NEEDS_OWNER, "owner_must_decide", act="decide"))
    words = look(owner, url_of("decide", run)).words
    assert "Five trails are the most that AWS allows in a region. What shall happen?" in words
    assert all(f"own-trail-{number}" in words for number in range(1, 6))
    decide(owner, run, "skip")
    owner.approve(run)
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=BOTH))
    assert owner.logging_trails("eu-north-1") == []


def test_62_an_organization_logs_the_account_already(owner_of: OwnerOf) -> None:
    owner = owner_of("organization-trail")
    run = drive(owner.hand_over_credentials().pk)
    assert_told(owner, run, Told(S.NEEDS_OWNER, "owner_must_decide", act="decide"))
    words = look(owner, url_of("decide", run)).words
    assert "Shall infosec’s trails be added beside your organization’s?" in words
    assert "2.00" in words
    decide(owner, run, "add")
    assert run.status == S.PLANNED
    assert_told(owner, run, Told(S.PLANNED, act="plan"))


def test_63_a_trail_of_the_owners(owner_of: OwnerOf) -> None:
    owner = owner_of("own-trails")
    trails = owner.client("cloudtrail", "us-east-1")
    before = [each for each in trails.describe_trails()["trailList"] if each["Name"] == "web-team-audit"]
    run = drive(owner.hand_over_credentials().pk)
    assert_told(owner, run, Told(S.NEEDS_OWNER, "owner_must_decide", act="decide"))
    words = look(owner, url_of("decide", run)).words
    assert "What shall become of your own trails?" in words
    assert "web-team-audit" in words
    assert "2.00" in words
    decide(owner, run, "keep")
    owner.approve(run)
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=BOTH))
    now = [each for each in trails.describe_trails()["trailList"] if each["Name"] == "web-team-audit"]
    assert now == before
