"""What was handed over is proven before any write; whatever can't be used says why."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from onboarding.credentials import TemporaryCredentials
from onboarding.engine import sessions
from onboarding.engine.drive import drive
from onboarding.models import AwsAccount, Event, Grant, Run
from onboarding.services import hand_over
from onboarding.states import RunStatus, Stage, StepKind
from tests.engine.conftest import Owner

OwnerOf = Callable[..., Owner]


def assert_stopped(owner: Owner, run: Run, reason_code: str) -> None:
    run = drive(run.pk)
    assert (run.status, run.reason_code) == (RunStatus.NEEDS_ACCESS, reason_code), run.failure
    assert owner.writes() == []
    assert not Grant.objects.filter(account=owner.account, destroyed_at=None).exists()


def test_temporary_credentials_lead_to_verified(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = drive(owner.hand_over_credentials().pk)
    owner.approve(run)
    run = drive(run.pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)


def test_a_role_that_does_not_exist_stops_before_any_write(owner_of: OwnerOf) -> None:
    owner = owner_of()
    arn = f"arn:aws:iam::{owner.account.number}:role/NobodyMadeThis"
    assert_stopped(owner, hand_over.hand_over_role(owner.user, owner.account, arn), "role_not_assumable")


def test_a_role_with_another_external_id_stops_before_any_write(owner_of: OwnerOf) -> None:
    owner = owner_of()
    arn = owner.create_role()
    # Rotated after the role was made.
    AwsAccount.objects.filter(pk=owner.account.pk).update(external_id="onb-another")
    run = hand_over.hand_over_role(owner.user, owner.account, arn)
    assert_stopped(owner, run, "role_not_assumable")


def test_a_role_that_asks_for_no_external_id_is_refused(owner_of: OwnerOf) -> None:
    owner = owner_of()
    iam = owner.client("iam")
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
        '"Principal":{"AWS":"arn:aws:iam::777788889999:role/OnboardingWorker"}}]}'
    )
    arn = iam.create_role(RoleName="InfosecOnboardingHandover", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    run = hand_over.hand_over_role(owner.user, owner.account, arn)
    assert_stopped(owner, run, "role_without_external_id")


def test_credentials_of_another_account_stop_before_any_write(owner_of: OwnerOf) -> None:
    owner, other = owner_of(), owner_of()
    keys = other.keys()
    credentials = TemporaryCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    run = hand_over.hand_over_credentials(owner.user, owner.account, credentials)
    assert_stopped(owner, run, "wrong_account")
    assert other.writes() == []


@pytest.mark.parametrize(
    ("kind", "reason_code"),
    [("session", "session_without_mfa"), ("federation", "federated_user"), ("root", "root_user")],
)
def test_sessions_that_may_not_do_the_work_are_refused(
    owner_of: OwnerOf, kind: str, reason_code: str
) -> None:
    owner = owner_of()
    assert_stopped(owner, owner.hand_over_credentials(kind), reason_code)


def test_an_expired_token_asks_for_access_and_goes_on_where_it_stopped(owner_of: OwnerOf) -> None:
    owner = owner_of("old-stack")
    run = drive(owner.hand_over_credentials(duration_seconds=600).pk)
    owner.approve(run)
    number = owner.cloud.fault(kind="expired", service="cloudformation", account=owner.account.number)
    run = drive(run.pk)
    assert run.status == RunStatus.NEEDS_ACCESS, (run.reason_code, run.failure)
    assert owner.writes("CreateStack") == []

    owner.cloud.clear_faults(number)
    run = drive(owner.hand_over_credentials().pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)


def test_access_that_ends_while_stacks_are_made_is_asked_for_again_and_nothing_is_redone(
    owner_of: OwnerOf,
) -> None:
    owner = owner_of()
    run = drive(owner.hand_over_credentials().pk)
    owner.approve(run)
    faults: list[int] = []

    def expire_when_trails_begin(now: Run) -> None:
        begun = now.steps.filter(kind=StepKind.DEPLOY_TRAILS).exclude(stack_id="").exists()
        if begun and not faults:
            # Of the portal's requests alone: what CloudFormation began goes on by itself.
            faults.append(
                owner.cloud.fault(
                    kind="expired", service="cloudformation", region="us-*", account=owner.account.number
                )
            )

    run = drive(run.pk, expire_when_trails_begin)
    assert run.status == RunStatus.NEEDS_ACCESS, (run.reason_code, run.failure)
    assert run.reason_code == "expired_while_working"

    owner.cloud.clear_faults()
    run = drive(owner.hand_over_credentials().pk)
    assert run.status == RunStatus.VERIFIED, (run.reason_code, run.failure)
    created = [request.stack for request in owner.writes("CreateStack")]
    assert sorted(created) == ["DeployCloudTrailCloudFormationStacks", "InfosecClientRoles"]


@pytest.mark.parametrize("kind", ["5xx", "unparseable"])
def test_a_simulator_that_is_broken_stops_nobody(owner_of: OwnerOf, kind: str) -> None:
    owner = owner_of()
    owner.cloud.fault(kind=kind, action="SimulatePrincipalPolicy", account=owner.account.number)
    run = drive(owner.hand_over_credentials().pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)


def trust_itself(owner: Owner) -> None:
    """Let the owner's own role be assumed by its own sessions."""
    iam = owner.client("iam")
    role = iam.get_role(RoleName="AccountAdministrator")["Role"]
    trust = role["AssumeRolePolicyDocument"]
    itself = {"Effect": "Allow", "Principal": {"AWS": role["Arn"]}, "Action": "sts:AssumeRole"}
    document = {**trust, "Statement": [*trust["Statement"], itself]}
    iam.update_assume_role_policy(RoleName="AccountAdministrator", PolicyDocument=json.dumps(document))


def trust_only_the_sign_in(owner: Owner) -> None:
    """As roles of Identity Center do: nobody may go on into them from a session."""
    provider = {"Federated": f"arn:aws:iam::{owner.account.number}:saml-provider/AWSSSO"}
    statement = {"Effect": "Allow", "Principal": provider, "Action": "sts:AssumeRoleWithSAML"}
    owner.client("iam").update_assume_role_policy(
        RoleName="AccountAdministrator",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


@pytest.mark.parametrize(("trust", "is_narrowed"), [(trust_itself, True), (trust_only_the_sign_in, False)])
def test_credentials_are_narrowed_where_their_role_lets_itself_be_assumed(
    owner_of: OwnerOf, trust: Callable[[Owner], None], is_narrowed: bool
) -> None:
    owner = owner_of()
    trust(owner)
    run = drive(owner.hand_over_credentials().pk)
    assert run.status == RunStatus.PLANNED, (run.reason_code, run.failure)
    told = Event.objects.get(run=run, kind="preflight.done").data
    assert told["is_narrowed"] is is_narrowed
    session: Any = sessions.handed_over(run, Stage.ROLES)
    iam = session.client("iam")
    if is_narrowed:
        with pytest.raises(iam.exceptions.ClientError, match="session policy"):
            iam.create_user(UserName="anybody")
    else:
        iam.create_user(UserName="anybody")
    asked = [
        each for each in owner.cloud.requests(account=owner.account.number) if each.action == "AssumeRole"
    ]
    assert len(asked) == (2 if is_narrowed else 1)
