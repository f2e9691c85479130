"""What does infosec's own side consist of before the first onboarding?

Made with real calls, as infosec would. The bucket and the topic admit a few other accounts, but none of the
demo's: admitting those is the portal's work.
"""

import json
import re
from typing import Any

from botocore.exceptions import ClientError

from sandbox.company_file import CentralSide
from sandbox.hands import Hands

ADMITTED_BEFORE = ("111122223333", "444455556666")


def _role(iam: Any, name: str, trusts: dict[str, Any], statements: list[dict[str, Any]], **more: Any) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": trusts, "Action": "sts:AssumeRole"}],
    }
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), **more)
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityAlreadyExists":
            raise
    iam.put_role_policy(
        RoleName=name,
        PolicyName="Work",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )


def _allow(actions: list[str], *resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def _portal_account(hands: Hands, company: CentralSide) -> None:
    iam = hands.root(company.worker_role_arn.split(":")[4], "iam")
    statements = [
        _allow(
            ["sts:AssumeRole"],
            f"arn:aws:iam::*:role/{company.handover_role_name}*",
            company.storage_admin_role_arn,
            company.auditor_role_arn,
        ),
        _allow(["sts:GetAccessKeyInfo"], "*"),
    ]
    if company.template_bucket:
        statements.append(
            _allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{company.template_bucket}/*")
        )
        _bucket(
            hands,
            company.worker_role_arn.split(":")[4],
            company.template_bucket,
            company.template_bucket_region,
        )
    _role(
        iam,
        company.worker_role_arn.rsplit("/", 1)[-1],
        {"Service": "ecs-tasks.amazonaws.com"},
        statements,
        MaxSessionDuration=43200,
    )


def _trusted_accounts(hands: Hands, company: CentralSide) -> None:
    # Whom the old role trusts. Gone, its ARN could not be named in a trust policy any more.
    old = company.old_trusted_principal_arn
    _role(
        hands.root(old.split(":")[4], "iam"),
        old.rsplit("/", 1)[-1],
        {"AWS": f"arn:aws:iam::{old.split(':')[4]}:root"},
        [_allow(["sts:AssumeRole"], "arn:aws:iam::*:role/*")],
    )
    for arn, trusts in (
        (company.auditor_role_arn, company.worker_role_arn),
        (company.responder_role_arn, f"arn:aws:iam::{company.responder_role_arn.split(':')[4]}:root"),
    ):
        _role(
            hands.root(arn.split(":")[4], "iam"),
            arn.rsplit("/", 1)[-1],
            {"AWS": trusts},
            [_allow(["sts:AssumeRole"], "arn:aws:iam::*:role/*")],
        )


def _bucket(hands: Hands, account: str, name: str, region: str) -> None:
    s3 = hands.root(account, "s3", region)
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def bucket_policy(bucket: str, admitted: tuple[str, ...]) -> str:
    """The policy that lets CloudTrail deliver for these accounts and no others."""
    sources = {"StringLike": {"aws:SourceArn": [f"arn:aws:cloudtrail:*:{a}:trail/*" for a in admitted]}}
    service = {"Service": "cloudtrail.amazonaws.com"}
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "AclCheck",
                    "Effect": "Allow",
                    "Principal": service,
                    "Action": "s3:GetBucketAcl",
                    "Resource": f"arn:aws:s3:::{bucket}",
                    "Condition": sources,
                },
                {
                    "Sid": "Write",
                    "Effect": "Allow",
                    "Principal": service,
                    "Action": "s3:PutObject",
                    "Resource": [f"arn:aws:s3:::{bucket}/AWSLogs/{a}/*" for a in admitted],
                    "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}, **sources},
                },
            ],
        }
    )


def topic_policy(topic_arn: str, admitted: tuple[str, ...]) -> str:
    """The policy that lets CloudTrail notify for these accounts and no others, and their people subscribe."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Publish",
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudtrail.amazonaws.com"},
                    "Action": "SNS:Publish",
                    "Resource": topic_arn,
                    "Condition": {
                        "StringLike": {
                            "aws:SourceArn": [f"arn:aws:cloudtrail:*:{a}:trail/*" for a in admitted]
                        }
                    },
                },
                {
                    "Sid": "Subscribe",
                    "Effect": "Allow",
                    "Principal": {"AWS": [f"arn:aws:iam::{a}:root" for a in admitted]},
                    "Action": "SNS:Subscribe",
                    "Resource": topic_arn,
                },
            ],
        }
    )


def admitted(hands: Hands, company: CentralSide) -> tuple[str, ...]:
    """The accounts that the bucket's policy names now, whoever wrote it."""
    s3 = hands.root(company.storage_account, "s3", company.bucket_region)
    policy: str = s3.get_bucket_policy(Bucket=company.bucket)["Policy"]
    return tuple(dict.fromkeys(re.findall(r"(?:AWSLogs/|cloudtrail:\*:)(\d{12})", policy)))


def _let_deliver(hands: Hands, company: CentralSide, accounts: tuple[str, ...]) -> None:
    hands.root(company.storage_account, "s3", company.bucket_region).put_bucket_policy(
        Bucket=company.bucket, Policy=bucket_policy(company.bucket, accounts)
    )
    hands.root(company.storage_account, "sns", company.topic_arn.split(":")[3]).set_topic_attributes(
        TopicArn=company.topic_arn,
        AttributeName="Policy",
        AttributeValue=topic_policy(company.topic_arn, accounts),
    )


def admit(hands: Hands, company: CentralSide, account: str) -> None:
    """Let the account deliver too."""
    _let_deliver(hands, company, tuple(dict.fromkeys((*admitted(hands, company), account))))


def shut_out(hands: Hands, company: CentralSide, account: str) -> None:
    """Let the account deliver no more."""
    _let_deliver(hands, company, tuple(a for a in admitted(hands, company) if a != account))


def _storage_account(hands: Hands, company: CentralSide) -> None:
    account, bucket = company.storage_account, company.bucket
    _bucket(hands, account, bucket, company.bucket_region)
    hands.root(account, "sns", company.topic_arn.split(":")[3]).create_topic(
        Name=company.topic_arn.rsplit(":", 1)[-1]
    )
    _let_deliver(hands, company, ADMITTED_BEFORE)
    readers = company.reader_role_name.format(account="*")
    iam = hands.root(account, "iam")
    _role(
        iam,
        company.storage_admin_role_arn.rsplit("/", 1)[-1],
        {"AWS": company.worker_role_arn},
        [
            _allow(
                [
                    "s3:GetBucketPolicy",
                    "s3:PutBucketPolicy",
                    "s3:GetBucketLocation",
                    "s3:ListBucket",
                    "s3:GetBucketVersioning",
                    "s3:GetBucketAcl",
                ],
                f"arn:aws:s3:::{bucket}",
            ),
            _allow(["s3:GetObject"], f"arn:aws:s3:::{bucket}/AWSLogs/*"),
            _allow(["sns:GetTopicAttributes", "sns:SetTopicAttributes"], company.topic_arn),
            _allow(
                [
                    "iam:GetRole",
                    "iam:CreateRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:PutRolePolicy",
                    "iam:GetRolePolicy",
                    "iam:ListRolePolicies",
                    "iam:TagRole",
                    "iam:ListRoleTags",
                    "iam:DeleteRole",
                    "iam:DeleteRolePolicy",
                ],
                f"arn:aws:iam::{account}:role/{readers}",
            ),
        ],
    )
    for admitted in ADMITTED_BEFORE:
        folder = f"AWSLogs/{admitted}/*"
        _role(
            iam,
            company.reader_role_name.format(account=admitted),
            {"AWS": f"arn:aws:iam::{admitted}:root"},
            [
                _allow(["s3:GetObject"], f"arn:aws:s3:::{bucket}/{folder}"),
                {
                    **_allow(["s3:ListBucket"], f"arn:aws:s3:::{bucket}"),
                    "Condition": {"StringLike": {"s3:prefix": folder}},
                },
            ],
        )


def make(hands: Hands, company: CentralSide) -> None:
    """Make the portal's, the trusted and the storage account what the company's file says."""
    _portal_account(hands, company)
    _trusted_accounts(hands, company)
    _storage_account(hands, company)
