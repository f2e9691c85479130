"""Access is checked by its shape, sealed, and starts the survey or takes up what was parked: once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from onboarding.credentials import RoleHandOver, TemporaryCredentials
from onboarding.custody.keys import private_keys
from onboarding.custody.unseal import unseal
from onboarding.models import AwsAccount, Grant, Run
from onboarding.models.history import destroy_grants, move_run, move_step
from onboarding.models.stages import close_all
from onboarding.services.approval import approve
from onboarding.services.external_id import rotate
from onboarding.services.hand_over import (
    HandOverRefused,
    RunInProgress,
    hand_over_credentials,
    hand_over_role,
)
from onboarding.services.refusals import NotOwner
from onboarding.states import GrantKind, RunStatus, Stage, StepKind, StepStatus

from .conftest import NUMBER, ROLE_ARN, make_plan, put_plan

CREDENTIALS = TemporaryCredentials("ASIA" + "A" * 12 + "WXYZ", "made-up-secret", "made-up-token")


def live_grant(account: AwsAccount) -> Grant:
    return account.grants.get(destroyed_at=None)


def test_a_role_is_sealed_with_the_accounts_own_external_id_and_starts_the_survey(
    owner: User, account: AwsAccount
) -> None:
    run = hand_over_role(owner, account, f"  {ROLE_ARN}\n")
    grant = live_grant(account)
    assert (run.status, run.grant) == (RunStatus.SURVEYING, grant)
    assert (grant.kind, grant.label, grant.handed_over_by) == (GrantKind.ROLE, ROLE_ARN, owner)
    opened = unseal(
        bytes(grant.sealed or b""),
        account_number=NUMBER,
        grant_id=grant.pk,
        private_keys=private_keys(),
    )
    assert opened == RoleHandOver(ROLE_ARN, account.external_id)
    item = run.work_items.get()
    assert (item.stage, item.region) == (Stage.SURVEY, "")
    assert item.due_at is not None
    account.refresh_from_db()
    assert account.last_role_arn == ROLE_ARN


def test_an_external_id_that_was_replaced_in_another_tab_is_not_sealed(
    owner: User, account: AwsAccount
) -> None:
    opened_before = AwsAccount.objects.get(pk=account.pk)
    rotate(owner, account)
    hand_over_role(owner, opened_before, ROLE_ARN)
    grant = live_grant(account)
    opened = unseal(
        bytes(grant.sealed or b""), account_number=NUMBER, grant_id=grant.pk, private_keys=private_keys()
    )
    assert opened == RoleHandOver(ROLE_ARN, account.external_id)


def test_of_credentials_only_the_last_four_characters_stay_readable(owner: User, account: AwsAccount) -> None:
    expiry = timezone.now() + timedelta(hours=1)
    run = hand_over_credentials(owner, account, CREDENTIALS, expiry)
    grant = live_grant(account)
    assert (grant.label, grant.claimed_expiry) == ("…WXYZ", expiry)
    stored = f"{grant.sealed!r} {list(run.events.values_list('data', flat=True))}"
    for secret in ("made-up", "ASIA"):
        assert secret not in stored
    account.refresh_from_db()
    assert account.last_role_arn == ""


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("", "not_a_role_arn"),
        ("arn:aws:iam::484535289196:user/Somebody", "not_a_role_arn"),
        ("arn:aws:sts::484535289196:assumed-role/Role/session", "not_a_role_arn"),
        (f"arn:aws-us-gov:iam::{NUMBER}:role/Role", "other_partition"),
        (f"arn:aws-cn:iam::{NUMBER}:role/Role", "other_partition"),
        ("arn:aws:iam::111122223333:role/Role", "other_account"),
    ],
)
def test_a_role_that_cannot_be_right_is_refused_and_not_stored(
    owner: User, account: AwsAccount, arn: str, code: str
) -> None:
    with pytest.raises(HandOverRefused) as refusal:
        hand_over_role(owner, account, arn)
    assert refusal.value.code == code
    assert str(refusal.value)
    assert not account.grants.exists()
    assert not account.runs.exists()


@pytest.mark.parametrize(
    ("credentials", "expiry", "code"),
    [
        (TemporaryCredentials("AKIA" + "A" * 16, "made-up-secret", ""), None, "long_term_key"),
        (TemporaryCredentials("ASIA" + "A" * 16, "made-up-secret", ""), None, "incomplete_credentials"),
        (TemporaryCredentials("ASIA" + "A" * 16, "", "made-up-token"), None, "incomplete_credentials"),
        (TemporaryCredentials("AIDA" + "A" * 16, "made-up-secret", "t"), None, "not_temporary_credentials"),
        (CREDENTIALS, datetime(2020, 1, 1, tzinfo=UTC), "expired_credentials"),
    ],
)
def test_credentials_that_cannot_be_right_are_refused_without_repeating_them(
    owner: User,
    account: AwsAccount,
    credentials: TemporaryCredentials,
    expiry: datetime | None,
    code: str,
) -> None:
    with pytest.raises(HandOverRefused) as refusal:
        hand_over_credentials(owner, account, credentials, expiry)
    assert refusal.value.code == code
    assert "made-up" not in f"{refusal.value} {refusal.value!r}"
    assert not account.grants.exists()


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_nobody_hands_over_an_account_that_is_not_theirs(
    who: str, account: AwsAccount, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(NotOwner):
        hand_over_role(request.getfixturevalue(who), account, ROLE_ARN)


def test_a_double_click_has_one_effect(owner: User, account: AwsAccount) -> None:
    first = hand_over_role(owner, account, ROLE_ARN)
    second = hand_over_role(owner, account, ROLE_ARN)
    assert first == second
    assert account.grants.count() == 1
    assert first.events.filter(kind="grant.received").count() == 1


def test_something_else_handed_over_while_the_survey_runs_is_refused(
    owner: User, account: AwsAccount, surveying: Run
) -> None:
    with pytest.raises(RunInProgress):
        hand_over_role(owner, account, ROLE_ARN + "2")
    assert account.grants.count() == 1


def test_before_the_approval_a_new_hand_over_replaces_the_old_and_surveys_again(
    owner: User, account: AwsAccount, planned: Run
) -> None:
    before = planned.grant
    run = hand_over_credentials(owner, account, CREDENTIALS)
    assert (run.pk, run.status) == (planned.pk, RunStatus.SURVEYING)
    assert before is not None
    before.refresh_from_db()
    assert before.sealed is None
    assert live_grant(account) == run.grant
    assert run.work_items.get(stage=Stage.SURVEY).due_at is not None


def test_a_working_run_refuses_new_access(owner: User, account: AwsAccount, planned: Run) -> None:
    approve(owner, planned, planned.plan_digest)
    with pytest.raises(RunInProgress):
        hand_over_role(owner, account, ROLE_ARN)
    assert account.grants.count() == 1


def test_a_parked_run_with_an_approved_plan_goes_on_where_it_stopped(
    owner: User, account: AwsAccount, planned: Run
) -> None:
    approve(owner, planned, planned.plan_digest)
    move_step(planned.steps.get(kind=StepKind.ADMIT_ACCOUNT), StepStatus.FINISHED)
    close_all(planned)
    destroy_grants(account.pk, reason="expired_credentials")
    move_run(planned, RunStatus.NEEDS_ACCESS, expect=[RunStatus.RUNNING], reason_code="expired_credentials")

    run = hand_over_role(owner, account, ROLE_ARN)

    assert (run.pk, run.status, run.reason_code) == (planned.pk, RunStatus.RUNNING, "")
    due = run.work_items.exclude(due_at=None).get()
    assert (due.stage, due.region) == (Stage.REMOVE, "eu-west-1")
    assert run.steps.count() == len(make_plan().steps)


def test_a_run_parked_before_its_plan_is_surveyed_again(
    owner: User, account: AwsAccount, surveying: Run
) -> None:
    move_run(surveying, RunStatus.NEEDS_ACCESS, expect=[RunStatus.SURVEYING], reason_code="wrong_account")
    run = hand_over_role(owner, account, ROLE_ARN)
    assert (run.pk, run.status) == (surveying.pk, RunStatus.SURVEYING)


def test_while_verifying_no_access_is_needed(owner: User, account: AwsAccount, surveying: Run) -> None:
    run = put_plan(surveying, make_plan(is_empty=True))
    approve(owner, run, run.plan_digest)
    with pytest.raises(RunInProgress, match="no access is needed"):
        hand_over_role(owner, account, ROLE_ARN)
