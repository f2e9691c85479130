"""The tasks carry ids, claim, work, and let broken work come back without telling secrets."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from onboarding import tasks
from onboarding.engine import claims, deadlines, pulse
from onboarding.models import AuditRecord, AwsAccount, Run, WorkItem, audit
from onboarding.remedies import REMEDIES, Who
from onboarding.states import RunStatus, Stage, StepStatus
from portal.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_waits_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests leave messages in the shared Redis, which no worker takes."""
    monkeypatch.setattr(pulse, "waiting", lambda: 0)


@pytest.fixture
def item() -> WorkItem:
    account = AwsAccount.objects.create(number="1" * 12, name="An account", contact_email="owner@example.org")
    run = Run.objects.create(account=account, status=RunStatus.SURVEYING)
    return WorkItem.objects.create(run=run, stage=Stage.SURVEY, due_at=timezone.now() - timedelta(seconds=1))


def test_every_task_is_known_by_the_name_that_others_send() -> None:
    assert {"onboarding.tick", "onboarding.sweep", "onboarding.work"} <= set(app.tasks)
    schedule = app.conf.beat_schedule
    assert {entry["task"] for entry in schedule.values()} <= set(app.tasks)


def test_work_that_fills_every_thread_leaves_the_clocks_tasks_a_queue_of_their_own() -> None:
    router = app.amqp.router
    assert router.route({}, "onboarding.work")["queue"].name == "work"
    for name in ("onboarding.tick", "onboarding.sweep", "onboarding.seal_audit"):
        assert router.route({}, name)["queue"].name == "upkeep"


def test_the_audit_log_is_sealed_and_a_missing_key_is_told(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    audit.append("test.written")
    settings.AUDIT_KEYS, settings.AUDIT_DEVELOPMENT_FILE = [], None
    tasks.seal_audit()
    assert "audit.not_sealed" in caplog.text
    settings.AUDIT_KEYS = ["a" * 43 + "="]
    tasks.seal_audit()
    assert AuditRecord.objects.get().sequence == 1


def test_a_worker_goes_on_with_whatever_else_is_due(item: WorkItem) -> None:
    account = AwsAccount.objects.create(number="2" * 12, name="Another", contact_email="other@example.org")
    another = Run.objects.create(account=account, status=RunStatus.SURVEYING)
    WorkItem.objects.create(run=another, stage=Stage.SURVEY, due_at=timezone.now())
    [claim] = claims.claim_due(timezone.now(), 1)
    tasks.work(claim.item_id, claim.holder)
    assert set(Run.objects.values_list("status", flat=True)) == {RunStatus.NEEDS_ACCESS}


def test_a_tick_claims_nothing_while_enough_waits_for_a_worker(
    item: WorkItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "waiting", lambda: tasks.CLAIMS_PER_TICK)
    tasks.tick()
    item.refresh_from_db()
    assert item.holder == ""


def test_work_without_access_asks_the_owner_for_it(item: WorkItem) -> None:
    [claim] = claims.claim_due(timezone.now(), 9)
    tasks.work(claim.item_id, claim.holder)
    item.run.refresh_from_db()
    assert (item.run.status, item.run.reason_code) == (RunStatus.NEEDS_ACCESS, "access_missing")


def test_a_run_on_whose_end_our_code_breaks_ends_as_our_fault_and_keeps_no_other_from_being_worked_on(
    item: WorkItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = AwsAccount.objects.create(number="2" * 12, name="Another", contact_email="other@example.org")
    stuck = Run.objects.create(account=account, status=RunStatus.VERIFYING, survey={"not": "to be read"})
    Run.objects.filter(pk=stuck.pk).update(status_since=timezone.now() - timedelta(days=1))
    tasks.sweep()
    stuck.refresh_from_db()
    assert (stuck.status, stuck.reason_code) == (RunStatus.FAILED, "portal_broke")
    monkeypatch.setitem(app.conf, "task_always_eager", True)
    tasks.tick()
    item.run.refresh_from_db()
    assert item.run.status == RunStatus.NEEDS_ACCESS


def test_a_message_that_comes_too_late_does_nothing(item: WorkItem) -> None:
    claims.claim_due(timezone.now(), 9)
    tasks.work(item.pk, "somebody who held it once")
    item.run.refresh_from_db()
    assert item.run.status == RunStatus.SURVEYING


def test_broken_work_comes_back_later_and_tells_no_text_of_the_error(item: WorkItem) -> None:
    # A survey that can't be read back is a defect of ours, whatever made it.
    Run.objects.filter(pk=item.run_id).update(status=RunStatus.VERIFYING, survey={"secret": "token"})
    WorkItem.objects.filter(pk=item.pk).update(stage=Stage.VERIFY)
    item.run.steps.create(
        ordinal=1, stage=Stage.VERIFY, kind="verify_roles", goal="verified", target="InfosecClientRoles"
    )
    [claim] = claims.claim_due(timezone.now(), 9)
    with pytest.raises(tasks.WorkBroke) as broke:
        tasks.work(claim.item_id, claim.holder)
    assert "KeyError" in str(broke.value)
    assert "secret" not in str(broke.value)
    assert broke.value.__cause__ is None
    item.refresh_from_db()
    assert (item.breaks, item.faults) == (1, 0)
    assert item.holder == ""
    assert item.due_at is not None
    assert item.due_at > timezone.now()


def test_what_our_code_breaks_on_again_and_again_ends_as_our_fault(item: WorkItem) -> None:
    Run.objects.filter(pk=item.run_id).update(status=RunStatus.VERIFYING, survey={"not": "to be read"})
    WorkItem.objects.filter(pk=item.pk).update(stage=Stage.VERIFY)
    step = item.run.steps.create(
        ordinal=1, stage=Stage.VERIFY, kind="verify_roles", goal="verified", target="InfosecClientRoles"
    )
    for _ in range(deadlines.MOST_BREAKS):
        assert item.run.events.filter(kind="run.status").count() == 0
        WorkItem.objects.filter(pk=item.pk).update(due_at=timezone.now())
        [claim] = claims.claim_due(timezone.now(), 9)
        with pytest.raises(tasks.WorkBroke):
            tasks.work(claim.item_id, claim.holder)
    item.run.refresh_from_db()
    step.refresh_from_db()
    assert (item.run.status, item.run.reason_code) == (RunStatus.PARTLY_DONE, "portal_broke")
    assert (step.status, step.reason_code) == (StepStatus.FAILED, "portal_broke")
    assert REMEDIES["portal_broke"].who == Who.PORTAL
    assert claims.claim_due(timezone.now() + timedelta(days=1), 9) == []


def _away(*_: object) -> object:
    raise OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize("task", [tasks.tick, tasks.sweep, tasks.seal_audit])
def test_a_task_survives_a_database_that_is_away(
    task: Callable[[], None], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_KEYS = ["a" * 43 + "="]
    with connection.execute_wrapper(_away):
        task()
    assert "database.away" in caplog.text
    assert "server closed" not in caplog.text


def test_work_that_met_a_database_that_is_away_is_no_defect_and_comes_back_with_its_lease(
    item: WorkItem,
) -> None:
    [claim] = claims.claim_due(timezone.now(), 9)
    with connection.execute_wrapper(_away):
        tasks.work(claim.item_id, claim.holder)
    item.refresh_from_db()
    assert (item.breaks, item.faults) == (0, 0)
    assert len(claims.claim_due(timezone.now() + claims.LEASE + timedelta(seconds=1), 9)) == 1
