"""Cancel, retry, resume: the stand-in's request log shows that exactly that is done, and nothing twice."""

from typing import Any

import pytest

from onboarding.engine.drive import drive
from onboarding.models import Run
from onboarding.services import cancelling
from onboarding.states import RunStatus, StepKind, StepStatus
from tests.engine.conftest import Owner
from tests.failures.conftest import (
    HOME,
    PARENT,
    PARENT_AGAIN,
    ROLES,
    OwnerOf,
    Told,
    approved,
    assert_told,
    browser_of,
    planned,
    run_page,
    url_of,
    written,
)

S = RunStatus
BOTH = (ROLES, PARENT)
BROKEN = "eu-north-1"


def break_region(owner: Owner, **more: Any) -> int:
    """Let CloudTrail refuse the trail of one region's stack."""
    return owner.cloud.fault(
        kind="refuse",
        principal="cloudformation.amazonaws.com",
        service="cloudtrail",
        action="CreateTrail",
        region=BROKEN,
        account=owner.account.number,
        message="The region is on fire.",
        **more,
    )


def in_account(owner: Owner, after: int) -> list[tuple[str, str, str]]:
    """Every write in the account, the installer's among them."""
    made = owner.cloud.writes(account=owner.account.number, after=after)
    return written([each for each in made if each.service in {"cloudformation", "cloudtrail", "iam"}])


def partly_done(owner: Owner, run: Run) -> Run:
    """All regions but one are covered."""
    break_region(owner)
    run = drive(approved(owner, run).pk)
    assert run.status == S.PARTLY_DONE, (run.reason_code, run.failure)
    owner.cloud.clear_faults()
    return run


def test_retrying_touches_only_the_region_that_failed(owner_of: OwnerOf) -> None:
    """One act on the page, with the role that was handed over; the same run, the same approval."""
    owner = owner_of()
    run = partly_done(owner, owner.hand_over_role())
    page = run_page(owner, run)
    assert (page.act_words, page.act_url) == ("Try again what failed", url_of("retry", run))
    browser, before = browser_of(owner), owner.cloud.last_request()
    asked = browser.get(page.act_url).text
    assert BROKEN in asked
    assert "us-east-1" not in asked
    kept = dict(run.steps.exclude(region=BROKEN).values_list("pk", "stack_id"))
    digest = run.approved_digest

    answer = browser.post(page.act_url)
    assert answer.headers["Location"] == url_of("run", run)
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=(PARENT_AGAIN,)), after=before)
    # The installer replaces the region's failed stack, and writes nowhere else.
    regional = [each for each in in_account(owner, before) if each != PARENT_AGAIN]
    assert regional == [
        ("CreateStack", BROKEN, "MozillaSecuredCloudTrail"),
        ("DeleteStack", BROKEN, "MozillaSecuredCloudTrail"),
    ]
    assert run.approved_digest == digest
    assert Run.objects.filter(account=owner.account).count() == 1
    assert dict(run.steps.exclude(region=BROKEN).values_list("pk", "stack_id")) == kept
    assert len(owner.logging_trails(BROKEN)) == 1


def test_retrying_with_credentials_asks_for_new_ones_first(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = partly_done(owner, owner.hand_over_credentials())
    before = owner.cloud.last_request()
    answer = browser_of(owner).post(url_of("retry", run))
    assert answer.headers["Location"] == url_of("hand-over", run)
    told = Told(S.NEEDS_ACCESS, "retry_needs_access", ("Hand over access to try it again",), act="hand-over")
    assert_told(owner, run, told, after=before)
    assert owner.hand_over_credentials().pk == run.pk
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=(PARENT_AGAIN,)), after=before)


def test_retrying_what_failed_at_once_makes_it_and_what_waited_for_it(owner_of: OwnerOf) -> None:
    """Failed before anything was made: the old stack is not deleted twice, and the rest is done."""
    owner = owner_of("old-stack")
    run = approved(owner, owner.hand_over_role())
    owner.cloud.fault(
        kind="refuse", service="cloudformation", action="CreateStack", region=HOME,
        account=owner.account.number, code="LimitExceededException", message="Limit for stack",
    )  # fmt: skip
    run = drive(run.pk)
    deleted = ("DeleteStack", "sa-east-1", "opsec-security-audit-role")
    told = Told(S.PARTLY_DONE, "stack_quota", ("has too many stacks",), act="retry", writes=(deleted,))
    assert_told(owner, run, told)
    owner.cloud.clear_faults()
    before = owner.cloud.last_request()
    browser_of(owner).post(url_of("retry", run))
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=BOTH), after=before)


def test_retrying_twice_at_once_has_one_effect(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = partly_done(owner, owner.hand_over_role())
    before = owner.cloud.last_request()
    for _ in range(2):
        browser_of(owner).post(url_of("retry", run))
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=(PARENT_AGAIN,)), after=before)
    assert run.events.filter(kind="owner.note", data__choice="retry_failed").count() == 1


def test_retrying_where_more_is_needed_than_was_approved_asks_first(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = partly_done(owner, owner.hand_over_role())
    owner.cloud.scenario("old-stack", account=owner.account.number, region="eu-west-3")
    before = owner.cloud.last_request()
    browser_of(owner).post(url_of("retry", run))
    run = drive(run.pk)
    words = ("The account has changed since the approval",)
    assert (run.status, run.reason_code) == (S.PLANNED, "account_changed")
    assert words
    assert owner.writes(after=before) == []


def test_what_needs_a_new_plan_is_not_offered_to_be_tried_again(owner_of: OwnerOf) -> None:
    owner = owner_of("nested-old-stack")
    run = drive(approved(owner).pk)
    page = run_page(owner, run)
    assert page.act_url == url_of("start-again", run)


@pytest.mark.parametrize("when", ["before_the_roles", "while_the_installer_works"])
def test_cancelling_begins_nothing_more(owner_of: OwnerOf, when: str) -> None:
    """What was already asked for settles; no write of the portal's comes after the owner's act."""
    owner = owner_of("old-stack")
    run = approved(owner)
    kind = {"before_the_roles": StepKind.REMOVE_STACK, "while_the_installer_works": StepKind.DEPLOY_TRAILS}
    at: list[int] = []

    def cancel_once_begun(now: Run) -> None:
        begun = now.steps.filter(kind=kind[when]).exclude(status=StepStatus.WAITING)
        if begun.exists() and now.status == S.RUNNING and not at:
            browser_of(owner).post(url_of("cancel", now))
            at.append(owner.cloud.last_request())

    run = drive(run.pk, cancel_once_begun)
    assert at
    deleted = ("DeleteStack", "sa-east-1", "opsec-security-audit-role")
    # One intent may have been stored at that very moment: it may still be sent, and no other.
    later = written(owner.writes(after=at[0]))
    assert later in ([], [deleted], [PARENT]), later
    sent = written(owner.writes())
    assert ROLES not in sent if when == "before_the_roles" else sent == sorted([*BOTH, deleted])
    if when == "while_the_installer_works":
        assert (run.status, run_page(owner, run).act_url) == (S.CANCELLING, url_of("leave-as-is", run))
        browser_of(owner).post(url_of("leave-as-is", run))
        run.refresh_from_db()
    page = run_page(owner, run)
    assert (run.status, run.reason_code) == (S.CANCELLED, "cancelled_by_owner")
    assert page.act_url == url_of("start-again", run)
    assert not run.steps.filter(status__in=[StepStatus.WAITING, StepStatus.WORKING]).exists()


def test_cancelling_before_the_approval_writes_nothing_at_all(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = planned(owner)
    cancelling.cancel(owner.user, run)
    told = Told(S.CANCELLED, "cancelled_by_owner", ("Nothing was changed",), act="start-again")
    assert_told(owner, run, told)


@pytest.mark.parametrize("kind", [StepKind.DEPLOY_ROLES, StepKind.DEPLOY_TRAILS])
def test_new_credentials_resume_at_the_same_step(owner_of: OwnerOf, kind: str) -> None:
    """The same steps, the same stacks by their ids, and no creation repeated."""
    owner = owner_of()
    run = approved(owner)
    faults: list[int] = []

    def expire(now: Run) -> None:
        if not faults and now.steps.filter(kind=kind).exclude(stack_id="").exists():
            # Of the portal's requests alone: what CloudFormation began goes on by itself.
            faults.append(
                owner.cloud.fault(
                    kind="expired",
                    region="us-*",
                    account=owner.account.number,
                    principal="*AccountAdministrator*",
                )
            )

    run = drive(run.pk, expire)
    assert (run.status, run.reason_code) == (S.NEEDS_ACCESS, "expired_while_working"), run.failure
    page = run_page(owner, run)
    assert page.act_url == url_of("hand-over", run)
    steps = dict(run.steps.exclude(stack_id="").filter(kind=kind).values_list("pk", "stack_id"))
    tokens = dict(run.steps.filter(kind=kind).values_list("pk", "token"))
    assert len(steps) == 1

    owner.cloud.clear_faults()
    assert owner.hand_over_credentials().pk == run.pk
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=BOTH))
    assert dict(run.steps.filter(pk__in=steps).values_list("pk", "stack_id")) == steps
    assert dict(run.steps.filter(kind=kind).values_list("pk", "token")) == tokens
