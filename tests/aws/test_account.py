"""Whose account it is, and what its credentials are good for."""

from typing import Any

import pytest

from onboarding.aws import account as accounts
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession, own_session
from onboarding.company import Company
from onboarding.observed import DEFAULT_REGIONS
from onboarding.states import FailureKind
from tests.aws.conftest import StandIn, StubFactory

# What the ARN of such credentials looks like, and whether they may call IAM.
KINDS = {
    "role": (":assumed-role/", True),
    "session-mfa": (":user/", True),
    "session": (":user/", False),
    "federation": (":federated-user/", False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_without_mfa_is_found_out_before_any_write(
    stand_in: StandIn, owner: AwsSession, account: str, kind: str
) -> None:
    session = stand_in.session(account=account, kind=kind)
    arn, may_use_iam = KINDS[kind]
    who = accounts.identity(session)
    assert who.account == account
    assert arn in who.arn
    assert accounts.can_use_iam(session) is may_use_iam


def test_the_workers_own_identity_is_its_environments(
    stand_in: StandIn, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stand_in.control.credentials(kind="worker").for_environment().items():
        monkeypatch.setenv(name, value)
    who = accounts.identity(own_session(stand_in.cloud))
    assert who.account == company.portal.worker_principal_arn.split(":")[4]


def test_a_missing_permission_is_no_proof_of_a_weak_session(
    stand_in: StandIn, owner: AwsSession, account: str
) -> None:
    stand_in.control.fault(kind="access-denied", service="iam", account=account)
    assert accounts.can_use_iam(owner) is True


def test_an_alias_is_read_and_may_be_missing(stand_in: StandIn, owner: AwsSession, account: str) -> None:
    assert accounts.alias(owner) == ""
    stand_in.client("iam", account).create_account_alias(AccountAlias=f"alias-{account}")
    assert accounts.alias(owner) == f"alias-{account}"


def test_expired_credentials_say_so(stand_in: StandIn, owner: AwsSession, account: str) -> None:
    expired = stand_in.session(account=account, duration_seconds=-5)
    for ask in (accounts.identity, accounts.enabled_regions):
        with pytest.raises(AwsFailure) as caught:
            ask(expired)
        assert caught.value.failure.kind is FailureKind.EXPIRED


def listed(name: str, status: str) -> dict[str, Any]:
    return {"RegionName": name, "RegionOptStatus": status}


def test_a_region_still_being_enabled_is_not_enabled(session: AwsSession, stub: StubFactory) -> None:
    account = stub("account")
    account.add_response(
        "list_regions",
        {
            "Regions": [listed("us-east-1", "ENABLED_BY_DEFAULT"), listed("af-south-1", "ENABLING")],
            "NextToken": "n",
        },
        {},
    )
    account.add_response(
        "list_regions",
        {
            "Regions": [
                listed("ap-east-1", "ENABLED"),
                listed("cn-north-1", "ENABLED"),
                listed("me-west-1", "DISABLED"),
            ]
        },
        {"NextToken": "n"},
    )
    assert accounts.enabled_regions(session) == accounts.Regions(
        enabled=("ap-east-1", "us-east-1"), not_enabled=("af-south-1", "me-west-1")
    )


def test_an_endpoint_without_the_account_service_is_asked_otherwise(
    session: AwsSession, stub: StubFactory
) -> None:
    stub("account").add_client_error("list_regions", "404", "not implemented", http_status_code=404)
    regions = [
        {"RegionName": "us-east-1", "OptInStatus": "opt-in-not-required"},
        {"RegionName": "ap-east-1", "OptInStatus": "opted-in"},
        {"RegionName": "af-south-1", "OptInStatus": "not-opted-in"},
        {"RegionName": "us-gov-east-1", "OptInStatus": "opt-in-not-required"},
        {"RegionName": "eu-west-1"},
    ]
    stub("ec2").add_response("describe_regions", {"Regions": regions}, {"AllRegions": True})
    assert accounts.enabled_regions(session) == accounts.Regions(
        enabled=("ap-east-1", "eu-west-1", "us-east-1"), not_enabled=("af-south-1",)
    )


def test_an_empty_list_of_regions_is_no_answer(session: AwsSession, stub: StubFactory) -> None:
    stub("account").add_response("list_regions", {"Regions": []}, {})
    stub("ec2").add_response("describe_regions", {"Regions": []}, {"AllRegions": True})
    stub("sts").add_response(
        "get_caller_identity",
        {"Account": "484535289196", "Arn": "arn:aws:iam::484535289196:user/x", "UserId": "AIDA"},
        {},
    )
    assert accounts.enabled_regions(session) == accounts.Regions(DEFAULT_REGIONS, knows_all=False)
