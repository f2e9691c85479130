"""What can go wrong anywhere, at any time?"""

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from onboarding.engine import claims
from onboarding.engine.drive import drive
from onboarding.models import Run, WorkItem
from onboarding.services import hand_over
from onboarding.states import RunStatus, Stage, StepKind
from tests.failures.conftest import (
    PARENT,
    ROLES,
    OwnerOf,
    Told,
    approved,
    assert_told,
    planned,
)

S = RunStatus
BOTH = (ROLES, PARENT)
AUDITORS_ACCOUNT = "371522382791"


def test_70_the_new_role_takes_its_time(owner_of: OwnerOf, settings: Settings) -> None:
    settings.CLOUD_POLL_SECONDS = 0.2
    owner = owner_of()
    run = approved(owner)
    owner.cloud.fault(
        kind="access-denied", service="sts", action="AssumeRole", account=AUDITORS_ACCOUNT, count=6
    )
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=BOTH))
    assert [each["played"] for each in owner.cloud.faults()] == [6]


def test_70_the_new_role_is_never_assumable(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    owner.cloud.fault(kind="access-denied", service="sts", action="AssumeRole", account=AUDITORS_ACCOUNT)
    words = ("Infosec can't use the new audit role", "sts:AssumeRole", "infosec compares the role's trust")
    told = Told(S.PARTLY_DONE, "audit_role_not_assumable", words, act="retry", writes=BOTH)
    assert_told(owner, drive(run.pk), told)


@pytest.mark.parametrize("code", ["OptInRequired", "SubscriptionRequiredException"])
def test_71_the_account_is_not_active(owner_of: OwnerOf, code: str) -> None:
    owner = owner_of()
    for service in ("cloudformation", "cloudtrail", "ec2", "account"):
        owner.cloud.fault(
            kind="refuse",
            service=service,
            account=owner.account.number,
            code=code,
            message="The AWS Access Key Id needs a subscription for the service",
            status=403,
        )
    run = drive(owner.hand_over_credentials().pk)
    words = ("AWS reports that this account isn't active", "Complete the sign-up", code)
    assert_told(owner, run, Told(S.NEEDS_ACCESS, "account_inactive", words, act="hand-over"))


def test_72_the_same_twice(owner_of: OwnerOf) -> None:
    """Two tabs hand over, two tabs approve: one run, one effect."""
    owner = owner_of()
    run = owner.hand_over_role()
    assert run.grant is not None
    arn = run.grant.label
    assert hand_over.hand_over_role(owner.user, owner.account, arn).pk == run.pk
    run = planned(owner, run)
    owner.approve(run)
    owner.approve(run)
    with pytest.raises(hand_over.RunInProgress, match="already running"):
        hand_over.hand_over_role(owner.user, owner.account, arn)
    assert_told(owner, drive(run.pk), Told(S.VERIFIED, act="logs", writes=BOTH))
    assert Run.objects.filter(account=owner.account).count() == 1


def test_73_a_worker_dies(owner_of: OwnerOf) -> None:
    """Its claim is never given back. When the lease ends another looks first, and asks for nothing twice."""
    owner = owner_of()
    run = approved(owner)

    class Killed(BaseException):
        pass

    def die_once_the_roles_are_asked_for(now: Run) -> None:
        if now.steps.filter(kind=StepKind.DEPLOY_ROLES).exclude(stack_id="").exists():
            raise Killed

    with pytest.raises(Killed):
        drive(run.pk, die_once_the_roles_are_asked_for)
    kept = run.steps.get(kind=StepKind.DEPLOY_ROLES).stack_id
    WorkItem.objects.filter(run=run, stage=Stage.ROLES).update(due_at=timezone.now())
    held = claims.claim_due(timezone.now(), 1, run_id=run.pk)
    assert len(held) == 1
    WorkItem.objects.filter(run=run, lease_until__isnull=False).update(
        lease_until=timezone.now(), due_at=timezone.now()
    )
    run = drive(run.pk)
    assert_told(owner, run, Told(S.VERIFIED, act="logs", writes=BOTH))
    assert run.steps.get(kind=StepKind.DEPLOY_ROLES).stack_id == kept


def test_74_a_code_with_markup_is_shown_as_it_came(owner_of: OwnerOf) -> None:
    owner = owner_of()
    run = approved(owner)
    owner.cloud.fault(
        kind="refuse", service="cloudformation", action="CreateStack", account=owner.account.number,
        code="Odd", message="<b>%(stack)s</b> {0} 異常終了",
    )  # fmt: skip
    run = drive(run.pk)
    page = assert_told(owner, run, Told(S.FAILED, "unknown", ("異常終了", "Odd"), act="retry"))
    assert "<b>%(stack)s</b>" not in page.html
