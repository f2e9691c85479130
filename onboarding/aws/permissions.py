"""What may a session do at most, whatever its role allows?

Session policies, one for each stage: the owner may have given the portal too much, and each stage still gets
its own work only. AWS takes the intersection with the role's policies; 2,048 characters are the limit.
"""

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from onboarding.blueprint import generated_name_pattern
from onboarding.company import Company
from onboarding.states import Stage

LONGEST_POLICY = 2_048

Statement = dict[str, Any]

# CloudFormation works with the caller's rights: these writes are allowed to it, and not to us directly.
_THROUGH_CLOUDFORMATION = {"ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]}}

_READ = {
    "Effect": "Allow",
    "Action": [
        "account:ListRegions",
        "cloudformation:Describe*",
        "cloudformation:Get*",
        "cloudformation:List*",
        "cloudtrail:Describe*",
        "cloudtrail:Get*",
        "cloudtrail:List*",
        "ec2:DescribeRegions",
        "iam:Get*",
        "iam:List*",
        "lambda:Get*",
    ],
    "Resource": "*",
}

_CHANGE_STACK = [
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:CreateStack",
    "cloudformation:DeleteStack",
    "cloudformation:TagResource",
    "cloudformation:UpdateStack",
]
_CHANGE_ROLE = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole*",
]
_CHANGE_FUNCTION = [
    "lambda:CreateFunction",
    "lambda:DeleteFunction",
    "lambda:InvokeFunction",
    "lambda:ListTags",
    "lambda:TagResource",
    "lambda:UntagResource",
    "lambda:UpdateFunction*",
]
_REMOVE_ROLE = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"]


def _policy(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


NOTHING_AT_ALL = _policy({"Effect": "Deny", "Action": "*", "Resource": "*"})


def session_policy(
    stage: Stage,
    company: Company,
    account: str,
    *,
    stack_ids: Sequence[str] = (),
    regions: Collection[str] = (),
) -> str:
    """The session policy, as JSON, for one stage's work in the owner's account.

    `stack_ids` are the old stacks that may be removed; `regions` those in which the stage has steps, of which
    only home regions matter. For the stages that work elsewhere it allows reading only.
    """
    match stage:
        case Stage.REMOVE if stack_ids:
            return _removal(account, stack_ids)
        case Stage.ROLES:
            return _policy(_READ, *_parent_stack(company, account, company.roles.stack_name, regions))
        case Stage.TRAILS:
            name = company.trails.parent_stack_name
            return _policy(_READ, *_parent_stack(company, account, name, regions), *_function(account, name))
        case _:
            return _policy(_READ)


def _removal(account: str, stack_ids: Sequence[str]) -> str:
    """Exact stack ids while they fit; then names in their regions; then names anywhere."""
    policy = ""
    for shorten in _SHORTENINGS:
        policy = _policy(
            _READ,
            _allow(["cloudformation:DeleteStack"], sorted({shorten(stack_id) for stack_id in stack_ids})),
            _through_cloudformation(_REMOVE_ROLE, [f"arn:aws:iam::{account}:role/*"]),
        )
        if len(policy) <= LONGEST_POLICY:
            break
    return policy


def _by_name(stack_id: str) -> str:
    return stack_id.rsplit("/", 1)[0] + "/*"


def _by_name_anywhere(stack_id: str) -> str:
    parts = _by_name(stack_id).split(":")
    return ":".join([*parts[:3], "*", *parts[4:]])


def _by_account(stack_id: str) -> str:
    return _by_name_anywhere(stack_id).split("/", 1)[0] + "/*"


# From the narrowest on. Dozens of old stacks of different names fit in no policy: then only the plan bounds.
_SHORTENINGS: tuple[Callable[[str], str], ...] = (str, _by_name, _by_name_anywhere, _by_account)


def _parent_stack(company: Company, account: str, name: str, regions: Collection[str]) -> list[Statement]:
    home = [region for region in company.home.regions if region in regions] or list(company.home.regions)
    statements = [
        _allow(
            _CHANGE_STACK, [f"arn:aws:cloudformation:{region}:{account}:stack/{name}/*" for region in home]
        ),
        _through_cloudformation(
            _CHANGE_ROLE, [f"arn:aws:iam::{account}:role/{generated_name_pattern(name)}"]
        ),
    ]
    if bucket := company.templates.bucket:
        statements.append(_allow(["s3:GetObject*"], [f"arn:aws:s3:::{bucket}/*"]))
    return statements


def _function(account: str, stack_name: str) -> list[Statement]:
    names = generated_name_pattern(stack_name)
    return [
        {
            **_allow(["iam:PassRole"], [f"arn:aws:iam::{account}:role/{names}"]),
            "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        },
        _through_cloudformation(_CHANGE_FUNCTION, [f"arn:aws:lambda:*:{account}:function:{names}"]),
    ]


def storage_policy(company: Company) -> str:
    """The session policy for bucket policy, topic policy, reader roles, and seeing first logs."""
    storage = company.storage
    bucket = f"arn:aws:s3:::{storage.bucket}"
    readers = storage.reader_role_name.format(account="*")
    return _policy(
        _allow(["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:ListBucket"], [bucket]),
        _allow(["sns:GetTopicAttributes", "sns:SetTopicAttributes"], [storage.topic_arn]),
        _allow(
            [
                "iam:CreateRole",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListRolePolicies",
                "iam:PutRolePolicy",
            ],
            [f"arn:aws:iam::{storage.account_id}:role/{readers}"],
        ),
    )


def auditor_policy(company: Company) -> str:
    """The session policy for going on from the central auditor into an audit role, and nothing else."""
    names = generated_name_pattern(company.roles.stack_name)
    return _policy(_allow(["sts:AssumeRole"], [f"arn:aws:iam::*:role/{names}"]))


def _allow(actions: list[str], resources: list[str]) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _through_cloudformation(actions: list[str], resources: list[str]) -> Statement:
    return {**_allow(actions, resources), "Condition": _THROUGH_CLOUDFORMATION}
