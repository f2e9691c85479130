"""An account with an owner, and a run that has just come to a status."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from onboarding.models import AwsAccount, Notice, Ownership, RegionReading, Run
from onboarding.models.history import move_run
from onboarding.observed import Failure
from onboarding.states import RegionState, RunStatus

NUMBER = "484535289196"

# From where a run comes to each status.
BEFORE = {
    RunStatus.PLANNED: RunStatus.SURVEYING,
    RunStatus.NEEDS_ACCESS: RunStatus.SURVEYING,
    RunStatus.NEEDS_OWNER: RunStatus.SURVEYING,
}

Arrive = Callable[..., Run]


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner", "owner@example.org")


@pytest.fixture
def account(owner: User) -> AwsAccount:
    account = AwsAccount.objects.create(
        number=NUMBER, name="Mozilla Community IT - 1002", contact_email="it@example.org"
    )
    Ownership.objects.create(account=account, user=owner)
    for region in ("eu-west-1", "us-west-2"):
        RegionReading.objects.create(
            account=account, region=region, state=RegionState.COVERED, read_at=timezone.now()
        )
    return account


@pytest.fixture
def arrive(account: AwsAccount) -> Arrive:
    """`arrive(RunStatus.FAILED, reason_code="…")`: a run that has, and whose notices are due now."""

    def make(status: RunStatus, reason_code: str = "", failure: Failure | None = None) -> Run:
        before = BEFORE.get(status, RunStatus.VERIFYING)
        run = Run.objects.create(account=account, status=before)
        assert move_run(run, status, expect=[before], reason_code=reason_code, failure=failure)
        Notice.objects.filter(run=run).update(due_at=timezone.now() - timedelta(seconds=1))
        return run

    return make
