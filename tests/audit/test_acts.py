"""Every act that an auditor asks about leaves its record, in the act's own transaction."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from onboarding.engine.drive import drive
from onboarding.models import AuditRecord, AwsAccount, Member, Run, StaffRole
from onboarding.services import cancelling, hand_over
from onboarding.services.approval import approve
from onboarding.services.retrying import start_again
from onboarding.states import RunStatus
from tests.engine.conftest import Owner, address, cloud, owner_of
from tests.services.conftest import ROLE_ARN, account, make_plan, owner, put_plan, surveying

__all__ = ["account", "address", "cloud", "owner", "owner_of", "surveying"]


def kinds() -> list[str]:
    return list(AuditRecord.objects.order_by("id").values_list("kind", flat=True))


def last(kind: str) -> AuditRecord:
    found = AuditRecord.objects.filter(kind=kind).order_by("-id").first()
    assert found is not None, kinds()
    return found


def test_registering_is_on_record(owner: User, account: AwsAccount) -> None:
    record = last("account.registered")
    assert (record.actor_id, record.actor) == (owner.pk, "owner@example.org")
    assert (record.account_id, record.account_number) == (account.pk, account.number)


def test_a_hand_over_is_on_record_without_a_secret(owner: User, surveying: Run) -> None:
    record = last("grant.received")
    assert (record.actor_id, record.run_id) == (owner.pk, surveying.pk)
    assert record.data["label"] == ROLE_ARN
    assert surveying.account.external_id not in str(list(AuditRecord.objects.values()))


def test_consent_names_who_and_which_plan(owner: User, surveying: Run) -> None:
    run = put_plan(surveying, make_plan())
    approve(owner, run, run.plan_digest)
    approve(owner, run, run.plan_digest)
    [record] = AuditRecord.objects.filter(kind="plan.approved")
    assert (record.actor_id, record.account_id, record.run_id) == (owner.pk, run.account_id, run.pk)
    assert record.data == {"digest": run.plan_digest, "ticked": [2]}


def test_cancelling_and_what_it_destroys_are_on_record(owner: User, surveying: Run) -> None:
    cancelling.cancel(owner, surveying)
    record = last("run.cancelled")
    assert (record.actor_id, record.run_id, record.data) == (owner.pk, surveying.pk, {"status": "cancelled"})
    destroyed = last("grant.destroyed")
    assert destroyed.account_id == surveying.account_id
    assert destroyed.data["reason"] == "cancelled"


def test_who_starts_an_account_again_is_on_record(owner: User, surveying: Run) -> None:
    """Operators may, for others' accounts."""
    cancelling.cancel(owner, surveying)
    operator = User.objects.create_user("operator", "operator@example.org")
    Member.objects.create(user=operator, role=StaffRole.OPERATOR)
    run = start_again(operator, surveying.account)
    record = last("run.opened")
    assert (record.actor_id, record.account_id, record.run_id) == (operator.pk, run.account_id, run.pk)


def test_a_replaced_hand_over_is_destroyed_on_record(owner: User, surveying: Run) -> None:
    run = put_plan(surveying, make_plan())
    hand_over.hand_over_role(owner, run.account, ROLE_ARN)
    assert last("grant.destroyed").data["reason"] == "replaced"
    assert kinds()[-1] == "grant.received"


def test_an_act_that_is_rolled_back_leaves_no_record(owner: User, surveying: Run) -> None:
    before = kinds()

    class RolledBack(Exception):
        pass

    def act() -> None:
        with transaction.atomic():
            cancelling.cancel(owner, surveying)
            raise RolledBack

    with pytest.raises(RolledBack):
        act()
    assert kinds() == before


@pytest.mark.django_db(transaction=True)
def test_every_write_that_the_cloud_saw_is_on_record_with_its_request_id(
    owner_of: Callable[..., Owner],
) -> None:
    owner = owner_of("old-stack")
    before = owner.cloud.last_request()
    run = drive(owner.hand_over_role().pk)
    owner.approve(run)
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    records = [record.data for record in AuditRecord.objects.filter(kind="aws.write", run_id=run.pk)]
    seen = [
        request.action
        for request in owner.cloud.writes(after=before)
        if "onboarding-portal" in request.user_agent
    ]
    # The stand-in's log numbers requests by itself; the ids on record are those of its answers.
    assert sorted(record["operation"] for record in records) == sorted(seen)
    assert {"CreateStack", "DeleteStack", "PutBucketPolicy"} <= set(seen), "in the account and centrally"
    assert len({record["request_id"] for record in records} - {""}) == len(seen)
    intended = {record.data["token"] for record in AuditRecord.objects.filter(kind="aws.intended")}
    assert {record["token"] for record in records} <= intended, "each was on record before it was sent"
