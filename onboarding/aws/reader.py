"""Can the account's owner read its own logs, and no others, from the storage account?"""

import json
from typing import Any

from onboarding.aws import policies
from onboarding.aws.errors import AwsFailure, ask, collect
from onboarding.aws.roles import trusted_principals
from onboarding.aws.session import AwsSession
from onboarding.company import Company
from onboarding.observed import Check
from onboarding.states import FailureKind

NAME = "reader role"
POLICY_NAME = "ReadOwnLogs"

_SOMEBODY_ELSE = "000000000000"


def role_name(company: Company, account: str) -> str:
    return company.storage.reader_role_name.format(account=account)


def check(session: AwsSession, company: Company, account: str) -> Check:
    """Whether the reader role exists, trusts the account alone, and reads its logs and no others."""
    try:
        fault = _fault(session, company, account)
    except AwsFailure as refusal:
        return Check(NAME, is_ok=False, failure=refusal.failure)
    return Check(NAME, is_ok=not fault, detail=fault)


def make(session: AwsSession, company: Company, account: str) -> Check:
    """Create what is missing of the reader role. One that trusts others or reads more is left alone."""
    try:
        fault = _fault(session, company, account)
        if fault == _ABSENT:
            _create_role(session, company, account)
        if fault in (_ABSENT, _READS_NOTHING):
            _put_policy(session, company, account)
            # What was just written may not be readable yet: IAM's own answer to the write is the proof.
            return Check(NAME, is_ok=True, detail="created")
    except AwsFailure as refusal:
        return Check(NAME, is_ok=False, failure=refusal.failure)
    return Check(NAME, is_ok=not fault, detail=fault)


_ABSENT = "there is no such role"
_READS_NOTHING = "it may not read the account's logs"


def _fault(session: AwsSession, company: Company, account: str) -> str:
    """What is wrong with the role; empty when nothing is."""
    client, name = session.client("iam"), role_name(company, account)
    try:
        found = ask(client.get_role, RoleName=name)["Role"]
    except AwsFailure as refusal:
        if refusal.failure.kind is FailureKind.NOT_FOUND:
            return _ABSENT
        raise
    trust: Any = found.get("AssumeRolePolicyDocument") or {}
    wanted = {_root_of(account), account}
    trusted = set(trusted_principals(trust))
    if not trusted & wanted:
        return f"it does not trust the account {account}"
    if others := trusted - wanted:
        return f"it also trusts {', '.join(sorted(others))}"
    return _reading_fault(_policies_of(session, name), company, account)


def _policies_of(session: AwsSession, name: str) -> list[Any]:
    """The statements of all inline policies, as one list."""
    client = session.client("iam")
    pages = collect(client, client.get_paginator("list_role_policies").paginate(RoleName=name))
    documents: list[Any] = [
        ask(client.get_role_policy, RoleName=name, PolicyName=each)["PolicyDocument"]
        for page in pages
        for each in page["PolicyNames"]
    ]
    return [statement for document in documents for statement in policies.as_list(document.get("Statement"))]


def _reading_fault(statements: list[Any], company: Company, account: str) -> str:
    policy = {"Statement": statements}
    if policies.refusal(policy, [_reading(company, account)]):
        return _READS_NOTHING
    if not policies.refusal(policy, [_reading(company, _SOMEBODY_ELSE)]):
        return "it may read other accounts' logs"
    return ""


def _reading(company: Company, account: str) -> policies.Request:
    log = f"{company.storage.bucket}/AWSLogs/{account}/CloudTrail/us-east-1/2026/01/01/log.json.gz"
    return policies.Request(action="s3:GetObject", resource=f"arn:aws:s3:::{log}")


def _root_of(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def _create_role(session: AwsSession, company: Company, account: str) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": _root_of(account)}, "Action": "sts:AssumeRole"}
        ],
    }
    try:
        ask(
            session.client("iam").create_role,
            RoleName=role_name(company, account),
            AssumeRolePolicyDocument=json.dumps(trust),
            Description=f"Lets the account {account} read its own CloudTrail logs.",
        )
    except AwsFailure as refusal:
        # Another worker was faster.
        if refusal.failure.code not in ("EntityAlreadyExists", "EntityAlreadyExistsException"):
            raise


def _put_policy(session: AwsSession, company: Company, account: str) -> None:
    bucket, own = f"arn:aws:s3:::{company.storage.bucket}", f"AWSLogs/{account}/*"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket}/{own}"},
            {
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": bucket,
                # Without it, the names of all accounts' logs could be listed.
                "Condition": {"StringLike": {"s3:prefix": own}},
            },
        ],
    }
    ask(
        session.client("iam").put_role_policy,
        RoleName=role_name(company, account),
        PolicyName=POLICY_NAME,
        PolicyDocument=json.dumps(policy),
    )
