"""Do roles open only to those they trust, and do credentials only what their kind may, until they expire?"""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.steering import keys, refused

WORKER = "arn:aws:iam::777788889999:role/OnboardingWorker"


@pytest.fixture
def sandbox(cloud: str, account: str) -> Sandbox:
    steered = Sandbox(cloud)
    steered.account(account)
    return steered


def trusting(principal: str, **condition: Any) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "sts:AssumeRole",
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def handover_role(client: ClientFactory, account: str, trust: str, **more: Any) -> str:
    arn: str = client("iam", account).create_role(
        RoleName="InfosecOnboardingHandover", AssumeRolePolicyDocument=trust, **more
    )["Role"]["Arn"]
    return arn


def denied(arn: str) -> tuple[str, str]:
    worker = "arn:aws:sts::777788889999:assumed-role/OnboardingWorker/owner"
    return "AccessDenied", f"User: {worker} is not authorized to perform: sts:AssumeRole on resource: {arn}"


@pytest.fixture
def worker_sts(sandbox: Sandbox, client: ClientFactory) -> Any:
    return client("sts", credentials=keys(sandbox.credentials(kind="worker")))


def test_the_external_id_must_be_right(client: ClientFactory, account: str, worker_sts: Any) -> None:
    arn = handover_role(client, account, trusting(WORKER, StringEquals={"sts:ExternalId": "right-one"}))
    assert refused(worker_sts.assume_role, RoleArn=arn, RoleSessionName="abc") == denied(arn)
    assert refused(worker_sts.assume_role, RoleArn=arn, RoleSessionName="abc", ExternalId="wrong") == denied(
        arn
    )
    opened = worker_sts.assume_role(RoleArn=arn, RoleSessionName="abc", ExternalId="right-one")
    assert opened["AssumedRoleUser"]["Arn"].endswith(":assumed-role/InfosecOnboardingHandover/abc")


def test_a_role_that_does_not_exist_is_refused_in_the_same_words(account: str, worker_sts: Any) -> None:
    arn = f"arn:aws:iam::{account}:role/InfosecOnboardingHandoverMissing"
    assert refused(worker_sts.assume_role, RoleArn=arn, RoleSessionName="abc") == denied(arn)


@pytest.mark.parametrize(("hours", "opens"), [(1, True), (-1, False)])
def test_a_role_closes_at_the_time_it_names(
    client: ClientFactory, account: str, worker_sts: Any, hours: int, opens: bool
) -> None:
    until = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    arn = handover_role(client, account, trusting(WORKER, DateLessThan={"aws:CurrentTime": until}))
    if opens:
        worker_sts.assume_role(RoleArn=arn, RoleSessionName="abc")
    else:
        assert refused(worker_sts.assume_role, RoleArn=arn, RoleSessionName="abc") == denied(arn)


@pytest.mark.parametrize(("named", "opens"), [(WORKER, True), (WORKER + "Other", False)])
def test_the_principal_arn_of_a_session_is_its_role(
    client: ClientFactory, account: str, worker_sts: Any, named: str, opens: bool
) -> None:
    trust = trusting("arn:aws:iam::777788889999:root", ArnEquals={"aws:PrincipalArn": named})
    arn = handover_role(client, account, trust)
    if opens:
        worker_sts.assume_role(RoleArn=arn, RoleSessionName="abc")
    else:
        assert refused(worker_sts.assume_role, RoleArn=arn, RoleSessionName="abc") == denied(arn)


def test_sessions_are_as_long_as_aws_allows(client: ClientFactory, account: str, worker_sts: Any) -> None:
    arn = handover_role(client, account, trusting(WORKER), MaxSessionDuration=7200)
    code, message = refused(worker_sts.assume_role, RoleArn=arn, RoleSessionName="abc", DurationSeconds=7200)
    assert (code, message.split(" exceeds ")[1]) == (
        "ValidationError",
        "the 1 hour session limit for roles assumed by role chaining",
    )
    owner = client("iam", account)
    owner.update_assume_role_policy(
        RoleName="InfosecOnboardingHandover",
        PolicyDocument=trusting(f"arn:aws:iam::{account}:user/account-owner"),
    )
    key = owner.create_access_key(UserName="account-owner")["AccessKey"]
    user_sts = client("sts", credentials=key)
    assert refused(user_sts.assume_role, RoleArn=arn, RoleSessionName="abc", DurationSeconds=7201) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    user_sts.assume_role(RoleArn=arn, RoleSessionName="abc", DurationSeconds=7200)


def test_the_root_user_assumes_no_roles(client: ClientFactory, account: str) -> None:
    assert refused(
        client("sts", account).assume_role,
        RoleArn=f"arn:aws:iam::{account}:role/AccountAdministrator",
        RoleSessionName="abc",
    ) == ("AccessDenied", "Roles may not be assumed by root accounts.")


def test_a_key_is_known_by_its_account(
    sandbox: Sandbox, client: ClientFactory, account: str, worker_sts: Any
) -> None:
    for kind in ("role", "long-lived"):
        key = sandbox.credentials(account=account, kind=kind).access_key_id
        assert worker_sts.get_access_key_info(AccessKeyId=key)["Account"] == account


@pytest.mark.parametrize(
    ("kind", "arn", "iam_works"),
    [
        ("role", "arn:aws:sts::{}:assumed-role/AccountAdministrator/owner", True),
        ("session-mfa", "arn:aws:iam::{}:user/account-owner", True),
        ("session", "arn:aws:iam::{}:user/account-owner", False),
        ("federation", "arn:aws:sts::{}:federated-user/owner", False),
        ("long-lived", "arn:aws:iam::{}:user/account-owner", True),
        ("root", "arn:aws:iam::{}:root", True),
    ],
)
def test_each_kind_is_who_it_says_and_reaches_iam_or_not(
    sandbox: Sandbox, client: ClientFactory, account: str, *, kind: str, arn: str, iam_works: bool
) -> None:
    minted = sandbox.credentials(account=account, kind=kind)
    assert minted.access_key_id.startswith("AKIA" if kind == "long-lived" else "ASIA")
    assert minted.secret_access_key not in repr(minted)
    assert client("sts", credentials=keys(minted)).get_caller_identity()["Arn"] == arn.format(account)
    iam = client("iam", credentials=keys(minted))
    if iam_works:
        iam.list_account_aliases()
    else:
        assert refused(iam.list_account_aliases)[0] == "InvalidClientTokenId"


def test_a_session_token_made_with_mfa_reaches_iam(
    client: ClientFactory, sandbox: Sandbox, account: str
) -> None:
    sts = client("sts", credentials=keys(sandbox.credentials(account=account, kind="long-lived")))
    without = sts.get_session_token()["Credentials"]
    assert refused(client("iam", credentials=without).list_account_aliases)[0] == "InvalidClientTokenId"
    mfa = sts.get_session_token(SerialNumber=f"arn:aws:iam::{account}:mfa/owner", TokenCode="123456")[
        "Credentials"
    ]
    client("iam", credentials=mfa).list_account_aliases()
    assert refused(client("sts", credentials=mfa).get_session_token)[0] == "AccessDenied"


def test_expired_credentials_are_expired_in_each_services_words_and_stay_so(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    gone = keys(sandbox.credentials(account=account, duration_seconds=0.2))
    time.sleep(0.3)
    sandbox.credentials(account=account)
    calls = {
        "sts": ("get_caller_identity", "ExpiredToken"),
        "cloudformation": ("list_stacks", "ExpiredToken"),
        "iam": ("list_roles", "ExpiredToken"),
        "sns": ("list_topics", "ExpiredToken"),
        "s3": ("list_buckets", "ExpiredToken"),
        "ec2": ("describe_regions", "RequestExpired"),
        "cloudtrail": ("describe_trails", "ExpiredTokenException"),
        "lambda": ("list_functions", "ExpiredTokenException"),
        "account": ("list_regions", "ExpiredTokenException"),
    }
    found = {
        service: refused(getattr(client(service, credentials=gone), operation))[0]
        for service, (operation, _code) in calls.items()
    }
    assert found == {service: code for service, (_operation, code) in calls.items()}


def test_a_version_1_token_fails_in_opt_in_regions_only(
    sandbox: Sandbox, client: ClientFactory, account: str
) -> None:
    sandbox.account(account, enabled_opt_in_regions=["eu-south-1"])
    minted = keys(sandbox.credentials(account=account, version_1=True))
    client("cloudformation", region="eu-west-1", credentials=minted).list_stacks()
    code, _ = refused(client("cloudformation", region="eu-south-1", credentials=minted).list_stacks)
    assert code == "InvalidClientTokenId"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"SecretAccessKey": "wrong"}, "SignatureDoesNotMatch"),
        ({"SessionToken": "wrong"}, "InvalidClientTokenId"),
        ({"AccessKeyId": "ASIAUNKNOWNUNKNOWN00"}, "InvalidClientTokenId"),
        ({"AccessKeyId": "test", "SecretAccessKey": "test"}, "InvalidClientTokenId"),
    ],
)
def test_credentials_that_are_not_right_are_refused(
    sandbox: Sandbox, client: ClientFactory, account: str, spoil: dict[str, str], code: str
) -> None:
    minted = {**keys(sandbox.credentials(account=account)), **spoil}
    assert refused(client("sts", credentials=minted).get_caller_identity)[0] == code
