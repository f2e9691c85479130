"""Does the central side accept the account's logs and notifications?

Everything here happens in infosec's own accounts, with the portal's own rights; nothing in the owner's.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from onboarding.aws import permissions, policies, reader
from onboarding.aws.errors import AwsFailure, ask
from onboarding.aws.session import AwsSession, assume_role
from onboarding.company import Company
from onboarding.observed import Check, Failure
from onboarding.states import FailureKind

CLOUDTRAIL = "cloudtrail.amazonaws.com"

# The limits that S3 and SNS set for a policy.
BUCKET_POLICY_BYTES = 20 * 1024
TOPIC_POLICY_BYTES = 30 * 1024

# How often an admission is written again when somebody else's write undid it at the same moment.
ADMISSION_ATTEMPTS = 5

# A condition may name regions: one default and one opt-in region stand for all.
_SAMPLE_REGIONS = ("us-east-1", "ap-southeast-7")

# Within this process one admission at a time: reading and writing a policy is no single operation at AWS.
_ADMITTING = threading.Lock()


def storage_session(
    own: AwsSession, company: Company, *, session_name: str = "onboarding-storage"
) -> AwsSession:
    """The storage account's admin role, narrowed to bucket policy, topic policy and reader roles."""
    policy = permissions.storage_policy(company)
    role_arn = company.storage.admin_role_arn
    return assume_role(own, role_arn, external_id=None, session_name=session_name, policy=policy)


def auditor_session(
    own: AwsSession, company: Company, *, session_name: str = "onboarding-verify"
) -> AwsSession:
    """The central auditor, narrowed to going on into an account's audit role."""
    policy = permissions.auditor_policy(company)
    role_arn = company.verification.auditor_role_arn
    return assume_role(own, role_arn, external_id=None, session_name=session_name, policy=policy)


def check_admission(session: AwsSession, company: Company, account: str) -> tuple[Check, ...]:
    """What the storage account must allow before a trail of the account can be made. Only reads."""
    documents = _documents(session, company, account)
    return (*(_check(document) for document in documents), reader.check(session, company, account))


def admit(session: AwsSession, company: Company, account: str) -> tuple[Check, ...]:
    """Admit the account where it isn't admitted yet, and check again.

    Never touches a statement that isn't the portal's. What can't be read or written is a failed check.
    """
    with _ADMITTING:
        checks = tuple(_admit(document, account) for document in _documents(session, company, account))
        return (*checks, reader.make(session, company, account))


@dataclass(frozen=True, slots=True)
class _Document:
    """A policy of the storage account: how it is read and written, what it must allow, what ours adds."""

    name: str
    read: Callable[[], dict[str, Any]]
    write: Callable[[str], object]
    must_allow: tuple[policies.Request, ...]
    additions: tuple[policies.Statement, ...]
    longest: int


def _check(document: _Document) -> Check:
    try:
        fault = policies.refusal(document.read(), document.must_allow)
    except AwsFailure as refusal:
        return Check(document.name, is_ok=False, failure=refusal.failure)
    return Check(document.name, is_ok=not fault, detail=fault)


def _admit(document: _Document, account: str) -> Check:
    """Read, add, write and read again, until the account is in."""
    check = _check(document)
    for _attempt in range(ADMISSION_ATTEMPTS):
        if check.is_ok:
            break
        try:
            wanted = policies.with_account(document.read(), document.additions, account)
            # Still refused with our statements in it: a denial that only infosec can take back.
            if fault := policies.refusal(wanted, document.must_allow):
                return Check(document.name, is_ok=False, detail=fault)
            _write(document, wanted)
        except AwsFailure as refusal:
            if refusal.failure.code != "OperationAborted":
                return Check(document.name, is_ok=False, detail=check.detail, failure=refusal.failure)
        check = _check(document)
    return check


def _write(document: _Document, wanted: dict[str, Any]) -> None:
    text = json.dumps(wanted, separators=(",", ":"))
    if len(text.encode()) > document.longest:
        message = f"The {document.name} has no room for another account: admit the organization instead."
        raise AwsFailure(Failure(kind=FailureKind.QUOTA, code="PolicyTooLarge", message=message))
    document.write(text)


def _documents(session: AwsSession, company: Company, account: str) -> tuple[_Document, _Document]:
    return _bucket_policy(session, company, account), _topic_policy(session, company, account)


def _bucket_policy(session: AwsSession, company: Company, account: str) -> _Document:
    storage = company.storage
    bucket = f"arn:aws:s3:::{storage.bucket}"
    acl = {"s3:x-amz-acl": "bucket-owner-full-control"}

    def write(text: str) -> None:
        put = session.client("s3", storage.bucket_region).put_bucket_policy
        ask(put, Bucket=storage.bucket, Policy=text, ExpectedBucketOwner=storage.account_id)

    return _Document(
        name="bucket policy",
        read=partial(_read_bucket_policy, session, company),
        write=write,
        must_allow=tuple(
            policies.Request(action, resource, CLOUDTRAIL, _context(company, account, region) | acl)
            for region in _SAMPLE_REGIONS
            for action, resource in (
                ("s3:GetBucketAcl", bucket),
                ("s3:PutObject", f"{bucket}/AWSLogs/{account}/CloudTrail/{region}/2026/01/01/log.json.gz"),
                ("s3:PutObject", f"{bucket}/AWSLogs/{account}/CloudTrail-Digest/{region}/2026/01/01/digest"),
            )
        ),
        additions=(
            _statement("OnboardedAccountsAcl", "s3:GetBucketAcl", bucket),
            _statement("OnboardedAccountsDeliver", "s3:PutObject", f"{bucket}/AWSLogs/*", acl),
        ),
        longest=BUCKET_POLICY_BYTES,
    )


def _topic_policy(session: AwsSession, company: Company, account: str) -> _Document:
    topic_arn = company.storage.topic_arn
    client = session.client("sns", topic_arn.split(":")[3])

    def read() -> dict[str, Any]:
        attributes = ask(client.get_topic_attributes, TopicArn=topic_arn)["Attributes"]
        return _parsed(attributes.get("Policy"))

    def write(text: str) -> None:
        ask(client.set_topic_attributes, TopicArn=topic_arn, AttributeName="Policy", AttributeValue=text)

    return _Document(
        name="topic policy",
        read=read,
        write=write,
        must_allow=(
            *(
                policies.Request("SNS:Publish", topic_arn, CLOUDTRAIL, _context(company, account, region))
                for region in _SAMPLE_REGIONS
            ),
            # Its owners may hear of their logs. Of others' they could hear files' names: accounts and times.
            policies.Request(
                "SNS:Subscribe", topic_arn, account=account, context={"aws:principalaccount": account}
            ),
        ),
        additions=(
            _statement("OnboardedAccountsNotify", "SNS:Publish", topic_arn),
            {
                **_statement("OnboardedAccountsSubscribe", "SNS:Subscribe", topic_arn),
                "Principal": {"AWS": "*"},
            },
        ),
        longest=TOPIC_POLICY_BYTES,
    )


def _read_bucket_policy(session: AwsSession, company: Company) -> dict[str, Any]:
    storage = company.storage
    try:
        answer = ask(
            session.client("s3", storage.bucket_region).get_bucket_policy,
            Bucket=storage.bucket,
            # Somebody else's bucket of that name must never be taken for ours.
            ExpectedBucketOwner=storage.account_id,
        )
    except AwsFailure as refusal:
        if refusal.failure.code == "NoSuchBucketPolicy":
            return {}
        raise
    return _parsed(answer["Policy"])


def _parsed(text: str | None) -> dict[str, Any]:
    parsed: Any = json.loads(text) if text else {}
    return parsed if isinstance(parsed, dict) else {}


def _context(company: Company, account: str, region: str) -> dict[str, str]:
    """What CloudTrail brings along when it delivers for a trail of ours."""
    trail = f"{company.trails.regional_stack_name}-Trail-0123456789ABC"
    return {
        "aws:principalisawsservice": "true",
        "aws:principalservicename": CLOUDTRAIL,
        "aws:securetransport": "true",
        "aws:sourceaccount": account,
        "aws:sourcearn": f"arn:aws:cloudtrail:{region}:{account}:trail/{trail}",
    }


def _statement(sid: str, action: str, resource: str, equals: dict[str, str] | None = None) -> dict[str, Any]:
    """One of ours. The accounts are a list in its condition: that way hundreds fit into the limit."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": CLOUDTRAIL},
        "Action": action,
        "Resource": resource,
        "Condition": {"StringEquals": equals or {}},
    }
