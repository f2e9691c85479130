"""What goes wrong with a region's trail, with infosec's storage, or with the first log?"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from onboarding.engine import deadlines
from onboarding.engine.drive import drive
from onboarding.models import Run
from onboarding.states import RegionState, RunStatus, Stage, StepKind, StepStatus
from sandbox.client import Request, Sandbox
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
    onboarded,
    run_page,
    url_of,
)

S = RunStatus
BOTH = (ROLES, PARENT)
STORAGE = "088944123687"
ADMITTING = {"PutBucketPolicy", "SetTopicAttributes"}


def refuse_trail(owner: Owner, message: str, code: str = "InvalidRequest", **more: Any) -> int:
    """Let CloudTrail refuse what a stack asks of it in one region."""
    return owner.cloud.fault(
        kind="refuse",
        principal="cloudformation.amazonaws.com",
        service="cloudtrail",
        action="CreateTrail",
        region="eu-north-1",
        account=owner.account.number,
        message=message,
        code=code,
        **more,
    )


def admissions(owner: Owner, after: int = 0) -> list[Request]:
    """What the portal wrote on infosec's side."""
    return [each for each in owner.cloud.writes(after=after) if each.action in ADMITTING]


def shut_out_once(owner: Owner, when: Any) -> Any:
    """Somebody takes the account out of the storage's policies, once `when(run)` holds."""
    done: list[bool] = []

    def look_on(run: Run) -> None:
        if not done and when(run):
            done.append(True)
            shut_out(owner)

    return look_on


def shut_out(owner: Owner) -> None:
    owner.cloud.scenario("shut-out", account=owner.account.number)


def test_57_the_account_is_admitted_first(owner_of: OwnerOf) -> None:
    owner = owner_of("not-admitted")
    before = owner.cloud.last_request()
    run = onboarded(owner)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=BOTH))
    central = admissions(owner, before)
    assert {each.action for each in central} == ADMITTING
    assert max(each.number for each in central) < min(each.number for each in owner.writes())


def test_57_the_account_is_admitted_again(owner_of: OwnerOf) -> None:
    """Shut out between admission and the trails: admitted once more, and every refused region tried again."""
    owner = owner_of("not-admitted")
    run = approved(owner)
    before = owner.cloud.last_request()
    run = drive(run.pk, shut_out_once(owner, _has_begun_with_the_roles))
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=(*BOTH, PARENT_AGAIN)))
    assert run.attempt == 2
    mended = [each for each in admissions(owner, before) if "portal" in each.user_agent]
    assert len(mended) == 4, "each policy once before the work, and once again"
    told = run.events.filter(kind="aws.write", data__operation="PutBucketPolicy")
    assert [event.data["place"] for event in told] == ["central", "central"]


def _has_begun_with_the_roles(run: Run) -> bool:
    return bool(run.steps.filter(kind=StepKind.DEPLOY_ROLES).exclude(stack_id="").exists())


def test_57_it_may_not_be_admitted(owner_of: OwnerOf) -> None:
    owner = owner_of("admission-denied")
    run = onboarded(owner)
    words = ("The log storage could not be prepared", "Nothing for you to do: infosec has to allow it")
    assert_told(owner, run, Told(S.FAILED, "admission_denied", words, act="retry"))


def test_58_the_bucket_is_missing(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    owner.cloud.fault(
        kind="refuse",
        service="s3",
        action="GetBucketPolicy",
        account=STORAGE,
        code="NoSuchBucket",
        message="The specified bucket does not exist",
        status=404,
    )
    words = ("log bucket isn't there", "infosec has to put it right", "NoSuchBucket")
    assert_told(owner, drive(run.pk), Told(S.FAILED, "bucket_missing", words, act="retry"))


def test_59_the_topic_does_not_know_the_account(owner_of: OwnerOf) -> None:
    """CloudTrail's sentence in a region's event leads to a second admission and a second attempt."""
    owner = owner_of()
    run = approved(owner)
    before = owner.cloud.last_request()
    refuse_trail(owner, "SNS Topic does not exist or the topic policy is incorrect!", count=1)
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=(*BOTH, PARENT_AGAIN)))
    assert [each for each in owner.cloud.requests(after=before) if each.action == "GetTopicAttributes"]


def test_61_the_name_is_taken(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    refuse_trail(owner, "Trail x already exists", "AlreadyExists", count=1)
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=(*BOTH, PARENT_AGAIN)))
    assert len(owner.logging_trails("eu-north-1")) == 1


def test_61_the_name_stays_taken(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    refuse_trail(owner, "Trail x already exists", "AlreadyExists")
    run = drive(run.pk)
    words = ("A trail of that name exists", "Trail x already exists", "2 of 17 regions covered")
    told = Told(S.PARTLY_DONE, "trail_name_taken", words, act="retry", writes=(*BOTH, PARENT_AGAIN))
    assert_told(owner, run, told)


def test_64_the_trail_was_stopped(owner_of: OwnerOf) -> None:
    owner = owner_of("stopped-trail")
    run = onboarded(owner)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=BOTH))
    in_region = [
        each.action
        for each in owner.cloud.writes(account=owner.account.number)
        if (each.region == "us-east-1" and "LambdaExecutionRole" in each.principal)
        or "Installer" in each.principal
    ]
    assert "StartLogging" in in_region
    assert len(owner.logging_trails("us-east-1")) == 1


@pytest.mark.parametrize("is_for_ever", [False, True])
def test_66_the_trail_is_busy(owner_of: OwnerOf, *, is_for_ever: bool) -> None:
    """The installer waits, and says so of the region when it was five times in vain."""
    owner = owner_of("stopped-trail", region="eu-north-1")
    run = approved(owner)
    owner.cloud.fault(
        kind="refuse",
        service="cloudtrail",
        action="StartLogging",
        region="eu-north-1",
        account=owner.account.number,
        code="ConflictException",
        message="The trail is being changed. Wait a few minutes, and try again.",
        count=None if is_for_ever else 3,
    )
    run = drive(run.pk)
    if not is_for_ever:
        assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=BOTH))
        return
    words = ("CloudTrail is busy with", "Try again in a few minutes", "ConflictException")
    told = Told(S.PARTLY_DONE, "trail_busy", words, act="retry", writes=(*BOTH, PARENT_AGAIN))
    assert_told(owner, run, told)


def test_65_another_region_than_its_own(owner_of: OwnerOf) -> None:
    owner = owner_of("stopped-trail", region="eu-north-1")
    run = approved(owner)
    owner.cloud.fault(
        kind="refuse",
        service="cloudtrail",
        action="StartLogging",
        region="eu-north-1",
        account=owner.account.number,
        code="InvalidHomeRegionException",
        message="The trail must be addressed in its home region.",
    )
    run = drive(run.pk)
    words = ("Internal error", "InvalidHomeRegionException", "2 of 17 regions covered")
    told = Told(S.PARTLY_DONE, "wrong_home_region", words, act="retry", writes=(*BOTH, PARENT_AGAIN))
    assert_told(owner, run, told)


def shut_out_before_the_first_log(owner: Owner, *, for_good: bool = False) -> Any:
    """Once all trails log, the account is taken out of the policies; only then do logs come."""
    done: list[bool] = []

    def look_on(now: Run) -> None:
        if now.status != S.VERIFYING or done:
            return
        done.append(True)
        shut_out(owner)
        if for_good:
            owner.cloud.fault(kind="access-denied", service="s3", action="PutBucketPolicy", account=STORAGE)
        owner.cloud.settings(log_delivery_seconds=10)

    return look_on


@pytest.fixture
def _late_logs(cloud: Sandbox) -> Iterator[None]:
    cloud.settings(log_delivery_seconds=9000)
    yield
    cloud.settings(log_delivery_seconds=10)


@pytest.mark.usefixtures("_late_logs")
def test_67_delivery_is_mended(owner_of: OwnerOf) -> None:
    """Shut out once the trails stood: admitted again, and verified when the next log came through."""
    owner = owner_of()
    run = approved(owner)
    before = owner.cloud.last_request()
    run = drive(run.pk, shut_out_before_the_first_log(owner))
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=BOTH))
    mended = [each for each in admissions(owner, before) if "portal" in each.user_agent]
    assert [each.action for each in mended].count("PutBucketPolicy") == 2


@pytest.mark.usefixtures("_late_logs")
def test_67_delivery_stays_broken(owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(deadlines.STEP_LIMITS, Stage.VERIFY, timedelta(seconds=6))
    owner = owner_of()
    run = approved(owner)
    run = drive(run.pk, shut_out_before_the_first_log(owner, for_good=True))
    words = ("trail is on, but its logs don't arrive", "infosec mends the storage", "AccessDenied")
    told = Told(S.PARTLY_DONE, "delivery_failing", words, act="retry", writes=BOTH)
    assert_told(owner, run, told)

    # Mended by infosec, it is only looked at once more: no access is needed for that.
    owner.cloud.clear_faults()
    monkeypatch.undo()
    before = owner.cloud.last_request()
    browser_of(owner).post(url_of("retry", run))
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs"), after=before)


def test_68_the_first_log_is_waited_for(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    owner.cloud.settings(log_delivery_seconds=900)
    pages: list[str] = []

    def see(now: Run) -> None:
        logging = now.account.readings.filter(state=RegionState.LOGGING).count()
        if now.status == S.VERIFYING and logging == 3 and not pages:
            pages.append(run_page(owner, now).words)
            assert run_page(owner, now).act_url == ""
            owner.cloud.settings(log_delivery_seconds=10)

    try:
        run = drive(run.pk, see)
    finally:
        owner.cloud.settings(log_delivery_seconds=10)
    assert "Log awaited" in pages[0]
    assert "AWS usually delivers a region's first log within 5 to 15 minutes" in pages[0]
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=BOTH))


def test_68_no_log_comes(owner_of: OwnerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(deadlines.STEP_LIMITS, Stage.VERIFY, timedelta(seconds=4))
    owner = owner_of()
    run = approved(owner)
    owner.cloud.settings(log_delivery_seconds=9000)
    try:
        run = drive(run.pk)
    finally:
        owner.cloud.settings(log_delivery_seconds=10)
    words = ("No log has arrived yet", "a quiet region can take half an hour")
    told = Told(S.PARTLY_DONE, "no_first_log", words, act="retry", writes=BOTH)
    assert_told(owner, run, told)


def test_69_some_regions_failed(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    refuse_trail(owner, "Etwas Unerwartetes ist geschehen.", code="")
    run = drive(run.pk)
    words = ("2 of 17 regions", "Etwas Unerwartetes ist geschehen.", "Stockholm eu-north-1 Failed")
    run.refresh_from_db()
    assert run.status == S.PARTLY_DONE
    page = run_page(owner, run)
    for each in words:
        assert each in page.words, page.words
    finished = run.steps.filter(kind=StepKind.VERIFY_REGION, status=StepStatus.FINISHED)
    assert {step.region for step in finished} == {"us-east-1", HOME}
