"""What counts as admitted, and that adding an account leaves everybody else's statements alone."""

import json
from typing import Any

import pytest

from onboarding.aws import policies
from onboarding.aws.policies import Request

ACCOUNT = "484535289196"
OTHER = "111122223333"
BUCKET = "arn:aws:s3:::logs"
SERVICE = {"Service": "cloudtrail.amazonaws.com"}
PUT = Request(
    "s3:PutObject",
    f"{BUCKET}/AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/x",
    "cloudtrail.amazonaws.com",
    {
        "aws:sourceaccount": ACCOUNT,
        "aws:sourcearn": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/x",
        "s3:x-amz-acl": "bucket-owner-full-control",
        "aws:securetransport": "true",
        "aws:principalisawsservice": "true",
    },
)
FULL_CONTROL = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}


def allow(**changes: Any) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": SERVICE,
        "Action": "s3:PutObject",
        "Resource": f"{BUCKET}/AWSLogs/*",
        **changes,
    }
    return {key: value for key, value in statement.items() if value is not None}


ADMITTING = {
    "without any condition, as the original": allow(),
    "with the canned ACL": allow(Condition=FULL_CONTROL),
    "by source account": allow(Condition={"StringEquals": {"aws:SourceAccount": [OTHER, ACCOUNT]}}),
    "by one source account": allow(Condition={"StringEquals": {"AWS:SourceAccount": ACCOUNT}}),
    "by source ARN": allow(
        Condition={"StringLike": {"aws:SourceArn": f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"}}
    ),
    "by source ARN as ARN": allow(
        Condition={"ArnLike": {"aws:SourceArn": [f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"]}}
    ),
    "by organization": allow(Condition={"StringEquals": {"aws:SourceOrgID": "o-abc"}}),
    "for several services": allow(
        Principal={"Service": ["config.amazonaws.com", "cloudtrail.amazonaws.com"]}
    ),
    "for anybody": allow(Principal="*"),
    "for anybody, spelled as AWS": allow(Principal={"AWS": "*"}),
    "with more actions": allow(Action=["s3:GetObject", "S3:put*"]),
    "with its own folder": allow(Resource=[f"{BUCKET}/AWSLogs/{ACCOUNT}/*"]),
    "but another action": allow(Action=None, NotAction="s3:DeleteObject"),
    "but another resource": allow(Resource=None, NotResource=f"{BUCKET}/secret/*"),
    "if the account is named at all": allow(Condition={"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}),
    "over TLS": allow(Condition={"Bool": {"aws:SecureTransport": True}}),
    "where the key is there": allow(Condition={"Null": {"aws:SourceAccount": "false"}}),
}
NOT_ADMITTING = {
    "another account": allow(Condition={"StringEquals": {"aws:SourceAccount": OTHER}}),
    "another account's trails": allow(
        Condition={"StringLike": {"aws:SourceArn": f"arn:aws:cloudtrail:*:{OTHER}:trail/*"}}
    ),
    "one region's trails": allow(
        Condition={"StringLike": {"aws:SourceArn": f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/*"}}
    ),
    "another ACL": allow(Condition={"StringEquals": {"s3:x-amz-acl": "private"}}),
    "another service": allow(Principal={"Service": "config.amazonaws.com"}),
    "an account": allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
    "another folder": allow(Resource=f"{BUCKET}/AWSLogs/{OTHER}/*"),
    "another action": allow(Action="s3:GetObject"),
    "all actions but this": allow(Action=None, NotAction="s3:PutObject"),
    "a condition nobody here understands": allow(
        Condition={"DateLessThan": {"aws:CurrentTime": "2020-01-01"}}
    ),
    "a key that is not there": allow(Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}}),
    "a denial": allow(Effect="Deny"),
}
DENYING = {
    "everything": allow(Effect="Deny", Principal="*", Action="s3:*", Resource="*"),
    "this account": allow(Effect="Deny", Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
    "all but another account": allow(
        Effect="Deny", Condition={"StringNotEquals": {"aws:SourceAccount": OTHER}}
    ),
    "all but the organization, services included": allow(
        Effect="Deny", Principal="*", Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-abc"}}
    ),
}
NOT_DENYING = {
    "what is not encrypted": allow(
        Effect="Deny", Principal="*", Action="s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}}
    ),
    "whoever is no service": allow(
        Effect="Deny", Principal="*", Condition={"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}
    ),
    "all but the organization's sources": allow(
        Effect="Deny", Principal="*", Condition={"StringNotEquals": {"aws:SourceOrgID": "o-abc"}}
    ),
    "deleting": allow(Effect="Deny", Principal="*", Action="s3:DeleteObject"),
    "everybody but CloudTrail": allow(Effect="Deny", Principal=None, NotPrincipal=SERVICE),
}


@pytest.mark.parametrize("statement", ADMITTING.values(), ids=ADMITTING.keys())
def test_what_admits_is_seen(statement: dict[str, Any]) -> None:
    assert policies.refusal({"Statement": statement}, [PUT]) == ""


@pytest.mark.parametrize("statement", NOT_ADMITTING.values(), ids=NOT_ADMITTING.keys())
def test_what_does_not_admit_is_never_taken_for_it(statement: dict[str, Any]) -> None:
    assert policies.refusal({"Statement": [statement]}, [PUT]) != ""


@pytest.mark.parametrize("statement", DENYING.values(), ids=DENYING.keys())
def test_a_denial_outdoes_an_allowance(statement: dict[str, Any]) -> None:
    assert "denied" in policies.refusal({"Statement": [allow(), {**statement, "Sid": "No"}]}, [PUT])


@pytest.mark.parametrize("statement", NOT_DENYING.values(), ids=NOT_DENYING.keys())
def test_a_denial_of_something_else_is_none(statement: dict[str, Any]) -> None:
    assert policies.refusal({"Statement": [allow(), statement]}, [PUT]) == ""


OURS = {"Sid": "Ours", **allow(Condition=FULL_CONTROL)}
FOREIGN = {"Sid": "Theirs", **allow(Principal={"AWS": "arn:aws:iam::1:root"}, Action="s3:GetObject")}


def test_an_account_is_added_once_and_beside_the_others() -> None:
    policy = policies.with_account({}, [OURS], OTHER)
    policy = policies.with_account(policy, [OURS], ACCOUNT)
    assert policy == policies.with_account(policy, [OURS], ACCOUNT)
    (statement,) = policy["Statement"]
    assert statement["Condition"]["StringEquals"] == {
        "s3:x-amz-acl": "bucket-owner-full-control",
        "aws:SourceAccount": [OTHER, ACCOUNT],
    }
    assert policies.refusal(policy, [PUT]) == ""


def test_an_account_stored_as_one_value_is_kept() -> None:
    policy = policies.with_account({}, [OURS], OTHER)
    policy["Statement"][0]["Condition"]["StringEquals"]["aws:SourceAccount"] = OTHER
    added = policies.with_account(policy, [OURS], ACCOUNT)
    assert added["Statement"][0]["Condition"]["StringEquals"]["aws:SourceAccount"] == [OTHER, ACCOUNT]


def test_statements_of_others_stay_as_they_are() -> None:
    same_sid = {**FOREIGN, "Sid": "Ours"}
    before = {"Version": "2012-10-17", "Id": "theirs", "Statement": [FOREIGN, same_sid]}
    copied = json.loads(json.dumps(before))
    after = policies.with_account(policies.with_account(before, [OURS], OTHER), [OURS], ACCOUNT)
    assert before == copied
    assert after["Id"] == "theirs"
    assert after["Statement"][:2] == [FOREIGN, same_sid]
    # No Sid twice in one policy: AWS would refuse it.
    assert [each["Sid"] for each in after["Statement"]] == ["Theirs", "Ours", "Ours2"]


def test_a_single_statement_is_kept_beside_ours() -> None:
    after = policies.with_account({"Statement": FOREIGN}, [OURS], ACCOUNT)
    assert [each["Sid"] for each in after["Statement"]] == ["Theirs", "Ours"]


SUBSCRIBE = policies.Request(
    "SNS:Subscribe", "arn:topic", account=ACCOUNT, context={"aws:principalaccount": ACCOUNT}
)
SUBSCRIBING = {"Sid": "Hear", "Effect": "Allow", "Action": "SNS:Subscribe", "Resource": "arn:topic"}


@pytest.mark.parametrize(
    ("principal", "is_allowed"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ACCOUNT}, True),
        ({"AWS": [f"arn:aws:iam::{OTHER}:root", f"arn:aws:iam::{ACCOUNT}:root"]}, True),
        ({"AWS": f"arn:aws:iam::{OTHER}:root"}, False),
        ({"Service": "cloudtrail.amazonaws.com"}, False),
        (None, False),
    ],
)
def test_somebody_in_an_account_is_let_in_by_its_name_alone(principal: Any, is_allowed: bool) -> None:
    fault = policies.refusal({"Statement": [{**SUBSCRIBING, "Principal": principal}]}, [SUBSCRIBE])
    assert (fault == "") == is_allowed


def test_people_of_accounts_are_added_by_their_own_account() -> None:
    ours = {**SUBSCRIBING, "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {}}}
    policy = policies.with_account(policies.with_account({}, [ours], OTHER), [ours], ACCOUNT)
    (statement,) = policy["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": [OTHER, ACCOUNT]}}
    assert policies.refusal(policy, [SUBSCRIBE]) == ""
    assert policies.refusal(policies.with_account({}, [ours], OTHER), [SUBSCRIBE])
