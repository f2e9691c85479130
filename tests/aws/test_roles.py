"""Whom a role trusts, whatever way its policy is written."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from onboarding.aws import roles
from onboarding.aws.session import AwsSession
from onboarding.observed import Role
from tests.aws.conftest import StubFactory

AUDITOR = "arn:aws:iam::656532927350:role/OpSecTrustedAuditor"
ROOT = "arn:aws:iam::656532927350:root"


def trust(principal: Any, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize(
    ("policy", "trusted"),
    [
        ({}, ()),
        (trust({"AWS": AUDITOR}), (AUDITOR,)),
        (trust({"AWS": [ROOT, AUDITOR]}), (AUDITOR, ROOT)),
        (trust("*"), ("*",)),
        (trust({"Service": "lambda.amazonaws.com"}), ("lambda.amazonaws.com",)),
        (trust({"AWS": AUDITOR}, Effect="Deny"), ()),
        ({"Statement": trust({"AWS": AUDITOR})["Statement"][0]}, (AUDITOR,)),
        (trust({"AWS": ROOT}, Condition={"ArnEquals": {"aws:PrincipalArn": AUDITOR}}), (AUDITOR,)),
        (trust({"AWS": ROOT}, Condition={"StringLike": {"AWS:principalarn": [AUDITOR]}}), (AUDITOR,)),
        (trust({"AWS": ROOT}, Condition={"ArnNotEquals": {"aws:PrincipalArn": AUDITOR}}), (ROOT,)),
        (trust({"AWS": ROOT}, Condition={"StringEquals": {"sts:ExternalId": "x"}}), (ROOT,)),
    ],
)
def test_whoever_may_come_in_is_named(policy: dict[str, Any], trusted: tuple[str, ...]) -> None:
    assert roles.trusted_principals(policy) == trusted


def listed(name: str, policy: dict[str, Any]) -> dict[str, Any]:
    return {
        "Path": "/",
        "RoleName": name,
        "RoleId": "AROAMADEUPMADEUPMADE",
        "Arn": f"arn:aws:iam::484535289196:role/{name}",
        "CreateDate": datetime(2026, 11, 23, tzinfo=UTC),
        "AssumeRolePolicyDocument": quote(json.dumps(policy)),
    }


def test_roles_that_trust_an_old_principal_are_found_on_all_pages(
    session: AwsSession, stub: StubFactory
) -> None:
    iam = stub("iam")
    iam.add_response(
        "list_roles",
        {"Roles": [listed("Old", trust({"AWS": AUDITOR}))], "IsTruncated": True, "Marker": "m"},
        {"MaxItems": 1000},
    )
    iam.add_response(
        "list_roles",
        {"Roles": [listed("Other", trust({"AWS": ROOT})), listed("Older", trust({"AWS": AUDITOR}))]},
        {"MaxItems": 1000, "Marker": "m"},
    )
    found = roles.roles_trusting(session, [AUDITOR])
    assert found == (
        Role("arn:aws:iam::484535289196:role/Old", "Old", (AUDITOR,)),
        Role("arn:aws:iam::484535289196:role/Older", "Older", (AUDITOR,)),
    )


def test_not_being_allowed_to_list_roles_is_told_from_finding_none(
    session: AwsSession, stub: StubFactory
) -> None:
    stub("iam").add_client_error("list_roles", "AccessDenied", "no")
    assert roles.roles_trusting(session, [AUDITOR]) is None
    assert roles.roles_trusting(session, []) == ()


def test_a_role_that_is_gone_is_none(session: AwsSession, stub: StubFactory) -> None:
    stub("iam").add_client_error(
        "get_role", "NoSuchEntity", "The role cannot be found.", http_status_code=404
    )
    assert roles.get_role(session, "Old") is None
