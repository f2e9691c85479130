"""Whom to tell is written down with the change that it tells of: both or neither, and once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from onboarding.models import AwsAccount, Notice, NoticeOutcome, Ownership, OwnershipRole, Run
from onboarding.models.history import move_run
from onboarding.models.notice import put
from onboarding.states import RunStatus

INFOSEC = "infosec@example.org"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner", "Owner@example.org")


@pytest.fixture
def run(owner: User) -> Run:
    account = AwsAccount.objects.create(number="484535289196", name="IT", contact_email="it@example.org")
    Ownership.objects.create(account=account, user=owner)
    return Run.objects.create(account=account, status=RunStatus.VERIFYING)


def recipients(run: Run) -> list[tuple[str, int | None]]:
    return list(Notice.objects.filter(run=run).order_by("pk").values_list("recipient", "user_id"))


def test_owners_co_owners_and_infosec_are_to_be_told_of_the_end(run: Run, owner: User) -> None:
    helper = User.objects.create_user("helper", "helper@example.org")
    Ownership.objects.create(account=run.account, user=helper, role=OwnershipRole.CO_OWNER)
    move_run(run, RunStatus.VERIFIED, expect=[RunStatus.VERIFYING])
    assert recipients(run) == [
        ("owner@example.org", owner.pk),
        ("helper@example.org", helper.pk),
        (INFOSEC, None),
    ]
    notice = Notice.objects.first()
    assert notice is not None
    assert (notice.status, notice.event_number, notice.attempts) == (RunStatus.VERIFIED, 1, 0)
    assert notice.due_at is not None
    assert notice.due_at <= timezone.now()


def test_nothing_is_to_be_told_of_a_change_that_was_undone_or_lost(run: Run) -> None:
    with transaction.atomic():
        move_run(run, RunStatus.VERIFIED, expect=[RunStatus.VERIFYING])
        transaction.set_rollback(True)
    assert not move_run(run, RunStatus.VERIFIED, expect=[])
    assert recipients(run) == []


def test_an_owner_who_is_infosecs_contact_too_is_told_once(run: Run, owner: User, settings: Settings) -> None:
    User.objects.filter(pk=owner.pk).update(email=INFOSEC)
    move_run(run, RunStatus.FAILED, expect=[RunStatus.VERIFYING])
    assert recipients(run) == [(INFOSEC, owner.pk)]


def test_what_was_written_down_is_not_written_down_again(run: Run) -> None:
    move_run(run, RunStatus.FAILED, expect=[RunStatus.VERIFYING])
    put(run.events.get(), RunStatus.FAILED)
    assert Notice.objects.count() == 2


def test_a_second_wait_of_the_same_run_is_told_anew(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SURVEYING)
    move_run(run, RunStatus.NEEDS_ACCESS, expect=[RunStatus.SURVEYING])
    move_run(run, RunStatus.SURVEYING, expect=[RunStatus.NEEDS_ACCESS])
    move_run(run, RunStatus.NEEDS_ACCESS, expect=[RunStatus.SURVEYING])
    assert Notice.objects.count() == 4
    first_due = Notice.objects.order_by("due_at").values_list("due_at", flat=True)[0]
    assert first_due is not None
    assert first_due > timezone.now() + timedelta(minutes=1)


def test_an_owner_without_an_address_is_passed_over(run: Run, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(email="")
    move_run(run, RunStatus.FAILED, expect=[RunStatus.VERIFYING])
    assert recipients(run) == [(INFOSEC, None)]


@pytest.mark.parametrize(
    "fields",
    [
        {"due_at": None},
        {"outcome": NoticeOutcome.SENT},
        {"handled_at": LONG_AGO},
        {"handled_at": LONG_AGO, "outcome": NoticeOutcome.SENT},
    ],
    ids="+".join,
)
def test_the_database_allows_no_notice_that_is_neither_due_nor_handled(
    run: Run, fields: dict[str, object]
) -> None:
    move_run(run, RunStatus.FAILED, expect=[RunStatus.VERIFYING])
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.update(**fields)
