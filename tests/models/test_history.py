"""A status changes only with its event, once, and only from where it was expected to stand."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, transaction

from onboarding.models import AwsAccount, Event, Grant, Member, Run, StaffRole, Step
from onboarding.models.history import destroy_grants, move_run, move_step, record
from onboarding.models.people import mark_second_factor
from onboarding.observed import Failure
from onboarding.states import FailureKind, Goal, GrantKind, Move, RunStatus, Stage, StepKind, StepStatus

FAILURE = Failure(FailureKind.DENIED, "AccessDenied", "no", request_id="req-1")


@pytest.fixture
def account(db: None) -> AwsAccount:
    return AwsAccount.objects.create(number="484535289196", name="IT", contact_email="it@example.org")


@pytest.fixture
def run(account: AwsAccount) -> Run:
    return Run.objects.create(account=account)


@pytest.fixture
def step(run: Run) -> Step:
    return Step.objects.create(
        run=run,
        ordinal=1,
        stage=Stage.ROLES,
        kind=StepKind.DEPLOY_ROLES,
        goal=Goal.PRESENT,
        region="us-west-2",
        target="InfosecClientRoles",
    )


def test_events_are_numbered_within_their_run(run: Run) -> None:
    assert [record(run.pk, "owner.note", text=str(n)).number for n in range(3)] == [1, 2, 3]


def test_an_event_vanishes_with_its_transaction_and_its_number_is_given_again(run: Run) -> None:
    with transaction.atomic():
        record(run.pk, "owner.note")
        transaction.set_rollback(True)
    assert record(run.pk, "owner.note").number == 1


def test_a_run_moves_together_with_its_event(run: Run) -> None:
    assert move_run(run, RunStatus.SURVEYING, expect=[RunStatus.DRAFT], by_id=7, home_region="us-west-2")
    stored = Run.objects.get(pk=run.pk)
    assert (stored.status, stored.home_region) == (RunStatus.SURVEYING, "us-west-2")
    assert (run.status, run.home_region) == (RunStatus.SURVEYING, "us-west-2")
    event = run.events.get()
    assert (event.kind, event.data["before"], event.data["status"]) == ("run.status", "draft", "surveying")
    assert event.data["by_id"] == 7


def test_a_run_that_moved_meanwhile_is_left_alone(run: Run) -> None:
    other = Run.objects.get(pk=run.pk)
    assert move_run(other, RunStatus.CANCELLED, expect=[RunStatus.DRAFT])
    assert not move_run(run, RunStatus.SURVEYING, expect=[RunStatus.DRAFT])
    assert Run.objects.get(pk=run.pk).status == RunStatus.CANCELLED
    assert run.events.count() == 1


def test_a_move_that_no_run_ever_makes_is_a_mistake_in_the_program(run: Run) -> None:
    with pytest.raises(ValueError, match="never moves from draft to verified"):
        move_run(run, RunStatus.VERIFIED, expect=[RunStatus.DRAFT])


def test_a_draft_goes_to_work_only_where_its_owner_does_it_by_hand(run: Run) -> None:
    with pytest.raises(ValueError, match="without a plan"):
        move_run(run, RunStatus.RUNNING, expect=[RunStatus.DRAFT])
    assert move_run(run, RunStatus.RUNNING, expect=[RunStatus.DRAFT], is_by_hand=True)


def test_a_settled_run_says_when_and_why(run: Run) -> None:
    move_run(run, RunStatus.SURVEYING, expect=[RunStatus.DRAFT])
    move_run(run, RunStatus.FAILED, expect=[RunStatus.SURVEYING], reason_code="unknown", failure=FAILURE)
    stored = Run.objects.get(pk=run.pk)
    assert stored.finished_at is not None
    assert stored.reason_code == "unknown"
    assert stored.failure == {
        "kind": "denied", "code": "AccessDenied", "message": "no", "service": "", "operation": "",
        "region": "", "request_id": "req-1",
    }  # fmt: skip


def test_an_earlier_reason_does_not_outlive_its_status(run: Run) -> None:
    move_run(run, RunStatus.SURVEYING, expect=[RunStatus.DRAFT])
    move_run(
        run, RunStatus.NEEDS_ACCESS, expect=[RunStatus.SURVEYING], reason_code="unknown", failure=FAILURE
    )
    move_run(run, RunStatus.SURVEYING, expect=[RunStatus.NEEDS_ACCESS])
    stored = Run.objects.get(pk=run.pk)
    assert (stored.reason_code, stored.failure) == ("", None)


def test_a_step_tells_what_people_see_and_keeps_the_rest_to_itself(step: Step) -> None:
    assert move_step(step, StepStatus.WORKING, last_move=Move.CREATE, token="t-1")
    assert move_step(step, StepStatus.WORKING, aws_status="CREATE_IN_PROGRESS")
    assert move_step(step, StepStatus.WORKING, stack_id="arn:1", attempts=2)
    assert step.run.events.count() == 2
    assert move_step(step, StepStatus.FINISHED, outputs={"RoleArn": "arn:r"})
    stored = Step.objects.get(pk=step.pk)
    assert (stored.stack_id, stored.attempts, stored.token) == ("arn:1", 2, "t-1")
    assert stored.started_at is not None
    assert stored.finished_at is not None
    last = step.run.events.latest("number")
    assert (last.kind, last.region, last.step_id) == ("step.status", "us-west-2", step.pk)
    assert (last.data["before"], last.data["status"]) == ("working", "finished")


def test_a_settled_step_is_not_moved_by_a_late_worker(step: Step) -> None:
    move_step(step, StepStatus.FAILED, reason_code="create_failed", failure=FAILURE)
    assert not move_step(step, StepStatus.WORKING)
    assert Step.objects.get(pk=step.pk).status == StepStatus.FAILED


def test_destroying_a_grant_wipes_it_and_is_told(run: Run) -> None:
    grant = Grant.objects.create(account=run.account, kind=GrantKind.ROLE, sealed=b"box", label="arn:r")
    Run.objects.filter(pk=run.pk).update(grant=grant)
    assert destroy_grants(run.account_id, reason="replaced") == 1
    assert destroy_grants(run.account_id, reason="replaced") == 0
    grant.refresh_from_db()
    assert grant.sealed is None
    assert grant.destroyed_at is not None
    assert run.events.get().data["reason"] == "replaced"


def test_the_database_allows_one_open_run_and_one_live_grant_for_an_account(run: Run) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.create(account=run.account)
    Grant.objects.create(account=run.account, kind=GrantKind.ROLE, sealed=b"box", label="a")
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(account=run.account, kind=GrantKind.ROLE, sealed=b"box", label="b")


def test_the_database_allows_no_destroyed_grant_with_a_secret(account: AwsAccount) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(account=account, kind=GrantKind.ROLE, sealed=None, label="a")


@pytest.mark.parametrize("number", ["", "12345678901", "1234567890123", "12345678901a"])
def test_the_database_allows_no_account_number_but_twelve_digits(db: None, number: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        AwsAccount.objects.create(number=number, name="x", contact_email="x@example.org")


def test_only_owners_and_staff_see_an_account_and_its_runs(run: Run) -> None:
    owner, stranger = (User.objects.create_user(name) for name in ("owner", "stranger"))
    staff = User.objects.create_user("staff")
    Member.objects.create(user=staff, role=StaffRole.ANALYST)
    run.account.ownerships.create(user=owner)
    with_factor = mark_second_factor(User.objects.get(pk=staff.pk), passed=True)
    for user, sees in ((owner, True), (with_factor, True), (staff, False), (stranger, False)):
        assert AwsAccount.objects.visible_to(user).exists() is sees
        assert Run.objects.visible_to(user).exists() is sees


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time_leave_no_gap_and_no_double(transactional_db: None) -> None:
    account = AwsAccount.objects.create(number="484535289196", name="IT", contact_email="it@example.org")
    run = Run.objects.create(account=account)
    moved: list[bool] = []

    def write() -> None:
        try:
            for _ in range(5):
                record(run.pk, "owner.note")
            moved.append(move_run(Run.objects.get(pk=run.pk), RunStatus.SURVEYING, expect=[RunStatus.DRAFT]))
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = list(Event.objects.filter(run=run).values_list("number", flat=True))
    assert numbers == list(range(1, 22))
    assert sorted(moved) == [False, False, False, True]
