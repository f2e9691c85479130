"""On a terminal the table is drawn over itself; elsewhere each change is a line."""

import io

import pytest
from django.core.management.base import OutputWrapper
from django.utils import timezone

from onboarding.management.terminal import Follower
from onboarding.models import AwsAccount, RegionReading, Run
from onboarding.models.history import record
from onboarding.states import RegionState, RunStatus

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run() -> Run:
    account = AwsAccount.objects.create(number="1" * 12, name="An account", contact_email="owner@example.org")
    read(account, RegionState.CREATING)
    run = Run.objects.create(account=account, status=RunStatus.RUNNING)
    record(run.pk, "plan.approved", digest="d")
    return run


def read(account: AwsAccount, state: RegionState) -> None:
    RegionReading.objects.update_or_create(
        account=account, region="eu-west-1", defaults={"state": state, "read_at": timezone.now()}
    )


def test_a_terminal_shows_one_table_that_changes_in_place(run: Run) -> None:
    out = Terminal()
    follower = Follower(OutputWrapper(out))
    follower.show(run)
    first = out.getvalue()
    assert "approved" in first
    read(run.account, RegionState.COVERED)
    follower.show(run)
    second = out.getvalue()[len(first) :]
    assert second.startswith("\x1b[2A\x1b[J")
    assert "[ok] eu-west-1" in second
    assert "approved" not in second


def test_elsewhere_only_what_changed_is_a_line(run: Run) -> None:
    out = io.StringIO()
    follower = Follower(OutputWrapper(out))
    follower.show(run)
    follower.show(run)
    assert out.getvalue().count("eu-west-1") == 1
    read(run.account, RegionState.COVERED)
    follower.show(run)
    assert out.getvalue().count("eu-west-1") == 2
    assert "\x1b" not in out.getvalue()
