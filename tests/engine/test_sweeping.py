"""Nothing stands still for ever: what waits too long ends with a reason, what should move is looked at."""

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.engine import claims, deadlines, sweeping
from onboarding.models import AwsAccount, Grant, Run, WorkItem
from onboarding.states import OPEN_RUN_STATUSES, WRITING_STAGES, GrantKind, RunStatus, Stage, StepStatus

pytestmark = pytest.mark.django_db


def make_run(status: RunStatus, *, for_days: float) -> Run:
    account = AwsAccount.objects.create(number="1" * 12, name="An account", contact_email="owner@example.org")
    grant = Grant.objects.create(account=account, kind=GrantKind.ROLE, sealed=b"sealed", label="a role")
    run = Run.objects.create(account=account, grant=grant, status=status)
    Run.objects.filter(pk=run.pk).update(status_since=timezone.now() - timedelta(days=for_days))
    return run


@pytest.mark.parametrize(
    ("status", "reason_code"),
    [
        (RunStatus.SURVEYING, "took_too_long"),
        (RunStatus.PLANNED, "nobody_approved"),
        (RunStatus.RUNNING, "took_too_long"),
        (RunStatus.NEEDS_ACCESS, "nobody_gave_access"),
        (RunStatus.NEEDS_OWNER, "nobody_decided"),
    ],
)
def test_a_run_that_stands_too_long_fails_and_its_access_is_destroyed(
    status: RunStatus, reason_code: str
) -> None:
    run = make_run(status, for_days=30)
    WorkItem.objects.create(run=run, stage=Stage.SURVEY, due_at=timezone.now())
    sweeping.sweep(timezone.now())
    run.refresh_from_db()
    assert (run.status, run.reason_code) == (RunStatus.FAILED, reason_code)
    assert not Grant.objects.filter(destroyed_at=None).exists()
    assert claims.claim_due(timezone.now(), 9) == []


def test_a_run_that_one_trouble_kept_from_going_on_ends_with_that_and_so_do_its_steps() -> None:
    run = make_run(RunStatus.RUNNING, for_days=1)
    step = run.steps.create(
        ordinal=1, stage=Stage.ROLES, kind="deploy_roles", goal="present", status="working"
    )
    trouble = {"kind": "unreachable", "code": "ConnectTimeoutError", "message": "AWS did not answer in time."}
    WorkItem.objects.create(run=run, stage=Stage.ROLES, due_at=timezone.now(), faults=9, trouble=trouble)
    sweeping.sweep(timezone.now())
    run.refresh_from_db()
    step.refresh_from_db()
    assert (run.status, run.reason_code) == (RunStatus.FAILED, "region_unreachable")
    assert run.failure is not None
    assert run.failure["code"] == "ConnectTimeoutError"
    assert (step.status, step.reason_code) == (StepStatus.REFUSED, "region_unreachable")


@pytest.mark.parametrize("status", sorted(OPEN_RUN_STATUSES - {RunStatus.DRAFT}))
def test_every_status_in_which_a_run_may_stand_has_an_end(status: RunStatus) -> None:
    """A draft has none: it holds no access, and its account's owner is asked until they hand over."""
    assert deadlines.run_limit_ends(status, timezone.now()) is not None


@pytest.mark.parametrize("stage", [*WRITING_STAGES, Stage.VERIFY])
def test_every_stage_with_steps_has_a_limit(stage: Stage) -> None:
    assert deadlines.STEP_LIMITS[stage] < deadlines.RUN_LIMITS[RunStatus.RUNNING]


def test_what_is_not_verified_in_time_is_partly_done() -> None:
    run = make_run(RunStatus.VERIFYING, for_days=1)
    run.steps.create(ordinal=1, stage=Stage.ROLES, kind="deploy_roles", goal="present", status="finished")
    step = run.steps.create(ordinal=2, stage=Stage.VERIFY, kind="verify_region", goal="verified", region="x")
    sweeping.sweep(timezone.now())
    run.refresh_from_db()
    step.refresh_from_db()
    assert (run.status, run.reason_code) == (RunStatus.PARTLY_DONE, "took_too_long")
    assert step.status == StepStatus.REFUSED


def test_a_cancelled_run_is_not_watched_for_ever() -> None:
    run = make_run(RunStatus.CANCELLING, for_days=1)
    run.steps.create(ordinal=1, stage=Stage.ROLES, kind="deploy_roles", goal="present", status="working")
    sweeping.sweep(timezone.now())
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED


def test_a_run_at_work_without_anything_due_is_looked_at_again() -> None:
    run = make_run(RunStatus.SURVEYING, for_days=0)
    sweeping.sweep(timezone.now())
    assert [item.stage for item in run.work_items.filter(due_at__isnull=False)] == [Stage.SURVEY]


def test_a_run_that_waits_for_its_owner_is_left_alone() -> None:
    run = make_run(RunStatus.PLANNED, for_days=1)
    sweeping.sweep(timezone.now())
    run.refresh_from_db()
    assert run.status == RunStatus.PLANNED
    assert not run.work_items.exists()
