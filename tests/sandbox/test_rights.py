"""A stack can do what its caller may do, and nothing else."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.stack_steps import body, refusal, role, settled, told, topic

ClientFactory = Callable[..., Any]
PORTAL = "777788889999"

VIA_CLOUDFORMATION = {"ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]}}


def allow(
    *actions: str, resource: str | list[str] = "*", condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(principal: dict[str, Any], **condition: Any) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return policy({**statement, "Condition": condition} if condition else statement)


Owner = Callable[..., dict[str, Any]]


@pytest.fixture
def user(client: ClientFactory, account: str) -> dict[str, Any]:
    """Long-lived keys of a user who may assume any role."""
    iam = client("iam", account)
    iam.create_user(UserName="person")
    iam.put_user_policy(UserName="person", PolicyName="p", PolicyDocument=policy(allow("sts:AssumeRole")))
    key: dict[str, Any] = iam.create_access_key(UserName="person")["AccessKey"]
    return key


@pytest.fixture
def assumed(client: ClientFactory, account: str, user: dict[str, Any]) -> Owner:
    """`assumed(statement, …)`: credentials of a role in the account with just these rights."""

    def make(
        *statements: dict[str, Any], name: str = "Handover", boundary: str = "", **session: Any
    ) -> dict[str, Any]:
        iam = client("iam", account)
        extra: dict[str, Any] = {"PermissionsBoundary": boundary} if boundary else {}
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{account}:root"}), **extra
        )
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
        credentials: dict[str, Any] = client(
            "sts",
            credentials={"AccessKeyId": user["AccessKeyId"], "SecretAccessKey": user["SecretAccessKey"]},
        ).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/{name}", RoleSessionName="onb-1", **session
        )["Credentials"]
        return credentials

    return make


def failures(cloudformation: Any, stack: str) -> list[str]:
    return [
        reason
        for _, status, reason in told(cloudformation, stack)
        if status in ("CREATE_FAILED", "DELETE_FAILED")
    ]


ROLE = {"AssumeRolePolicyDocument": json.loads(trust({"Service": "lambda.amazonaws.com"}))}


def test_cloudformation_rights_alone_make_no_role(
    client: ClientFactory, account: str, assumed: Owner
) -> None:
    cloudformation = client("cloudformation", credentials=assumed(allow("cloudformation:*")))
    cloudformation.create_stack(
        StackName="s", TemplateBody=body(Role=role()), Capabilities=["CAPABILITY_IAM"]
    )
    assert settled(cloudformation, "s")["StackStatus"] == "ROLLBACK_COMPLETE"
    (reason,) = failures(cloudformation, "s")
    assert (
        f"User: arn:aws:sts::{account}:assumed-role/Handover/onb-1 is not authorized to perform: "
        "iam:CreateRole "
        f"on resource: arn:aws:iam::{account}:role/s-Role-"
    ) in reason
    assert "because no identity-based policy allows the iam:CreateRole action" in reason
    assert client("iam", account).list_roles()["Roles"][0]["RoleName"] == "Handover"


def test_only_the_calls_that_the_properties_bring_about_are_checked(
    client: ClientFactory, account: str, assumed: Owner
) -> None:
    credentials = assumed(
        allow("cloudformation:*"),
        allow("iam:CreateRole", "iam:GetRole", "iam:DeleteRole", condition=VIA_CLOUDFORMATION),
    )
    cloudformation = client("cloudformation", credentials=credentials)
    cloudformation.create_stack(
        StackName="plain", TemplateBody=body(Role=role()), Capabilities=["CAPABILITY_IAM"]
    )
    assert settled(cloudformation, "plain")["StackStatus"] == "CREATE_COMPLETE"
    cloudformation.create_stack(
        StackName="inline",
        Capabilities=["CAPABILITY_IAM"],
        TemplateBody=body(
            Role=role(
                Policies=[{"PolicyName": "p", "PolicyDocument": json.loads(policy(allow("s3:ListBucket")))}]
            )
        ),
    )
    settled(cloudformation, "inline")
    assert "perform: iam:PutRolePolicy" in failures(cloudformation, "inline")[0]
    assert (
        refusal(
            client("iam", credentials=credentials).create_role,
            RoleName="direct",
            AssumeRolePolicyDocument=trust({"AWS": account}),
        )[0]
        == "AccessDenied"
    )


def test_only_the_named_policy_may_be_attached(client: ClientFactory, assumed: Owner) -> None:
    audit = "arn:aws:iam::aws:policy/SecurityAudit"
    credentials = assumed(
        allow("cloudformation:*", "iam:CreateRole", "iam:GetRole", "iam:DeleteRole", "iam:DetachRolePolicy"),
        allow(
            "iam:AttachRolePolicy", condition={**VIA_CLOUDFORMATION, "ArnEquals": {"iam:PolicyARN": [audit]}}
        ),
    )
    cloudformation = client("cloudformation", credentials=credentials)
    for name, attached, status in (
        ("good", audit, "CREATE_COMPLETE"),
        ("bad", "arn:aws:iam::aws:policy/AdministratorAccess", "ROLLBACK_COMPLETE"),
    ):
        cloudformation.create_stack(
            StackName=name,
            Capabilities=["CAPABILITY_IAM"],
            TemplateBody=body(Role=role(ManagedPolicyArns=[attached])),
        )
        assert settled(cloudformation, name)["StackStatus"] == status
    assert "perform: iam:AttachRolePolicy" in failures(cloudformation, "bad")[0]


def test_deleting_needs_rights_too(client: ClientFactory, account: str, assumed: Owner) -> None:
    as_root = client("cloudformation", account)
    as_root.create_stack(StackName="old", TemplateBody=body(Role=role()), Capabilities=["CAPABILITY_IAM"])
    settled(as_root, "old")
    cloudformation = client("cloudformation", credentials=assumed(allow("cloudformation:*", "iam:GetRole")))
    cloudformation.delete_stack(StackName="old")
    assert settled(as_root, "old")["StackStatus"] == "DELETE_FAILED"
    assert "perform: iam:DeleteRole" in failures(as_root, "old")[0]
    as_root.delete_stack(StackName="old")


def test_a_stack_with_a_service_role_acts_as_that_role(
    client: ClientFactory, account: str, assumed: Owner
) -> None:
    iam = client("iam", account)
    arn = iam.create_role(
        RoleName="Service", AssumeRolePolicyDocument=trust({"Service": "cloudformation.amazonaws.com"})
    )["Role"]["Arn"]
    iam.put_role_policy(RoleName="Service", PolicyName="p", PolicyDocument=policy(allow("iam:*")))
    cloudformation = client("cloudformation", credentials=assumed(allow("cloudformation:*", "iam:PassRole")))
    cloudformation.create_stack(
        StackName="s", TemplateBody=body(Role=role()), Capabilities=["CAPABILITY_IAM"], RoleARN=arn
    )
    stack = settled(cloudformation, "s")
    assert (stack["StackStatus"], stack["RoleARN"]) == ("CREATE_COMPLETE", arn)
    iam.delete_role_policy(RoleName="Service", PolicyName="p")
    iam.delete_role(RoleName="Service")
    assert refusal(cloudformation.delete_stack, StackName="s") == (
        "ValidationError",
        f"Role {arn} is invalid or cannot be assumed",
    )


def test_a_service_role_has_to_be_passed(client: ClientFactory, account: str, assumed: Owner) -> None:
    arn = client("iam", account).create_role(
        RoleName="Service", AssumeRolePolicyDocument=trust({"Service": "cloudformation.amazonaws.com"})
    )["Role"]["Arn"]
    cloudformation = client("cloudformation", credentials=assumed(allow("cloudformation:*")))
    code, words = refusal(
        cloudformation.create_stack, StackName="s", TemplateBody=body(T=topic()), RoleARN=arn
    )
    assert code == "AccessDenied"
    assert "iam:PassRole" in words


def test_a_session_policy_narrows_every_call_and_every_stack(client: ClientFactory, assumed: Owner) -> None:
    credentials = assumed(allow("*"), Policy=policy(allow("cloudformation:*", "sns:CreateTopic")))
    cloudformation = client("cloudformation", credentials=credentials)
    code, words = refusal(client("iam", credentials=credentials).list_roles)
    assert code == "AccessDenied"
    assert words.endswith("because no session policy allows the iam:ListRoles action")
    cloudformation.create_stack(
        StackName="s", TemplateBody=body(Role=role()), Capabilities=["CAPABILITY_IAM"]
    )
    settled(cloudformation, "s")
    assert "because no session policy allows the iam:CreateRole action" in failures(cloudformation, "s")[0]


def test_a_permissions_boundary_narrows_every_call_and_every_stack(
    client: ClientFactory, account: str, assumed: Owner
) -> None:
    boundary = client("iam", account).create_policy(
        PolicyName="Boundary", PolicyDocument=policy(allow("cloudformation:*"))
    )["Policy"]["Arn"]
    credentials = assumed(allow("*"), boundary=boundary)
    assert refusal(client("iam", credentials=credentials).list_roles)[1].endswith(
        "because no permissions boundary allows the iam:ListRoles action"
    )
    cloudformation = client("cloudformation", credentials=credentials)
    cloudformation.create_stack(
        StackName="s", TemplateBody=body(Role=role()), Capabilities=["CAPABILITY_IAM"]
    )
    settled(cloudformation, "s")
    assert (
        "because no permissions boundary allows the iam:CreateRole action" in failures(cloudformation, "s")[0]
    )


def test_an_explicit_deny_says_so(client: ClientFactory, assumed: Owner) -> None:
    credentials = assumed(
        allow("*"), {"Effect": "Deny", "Action": "cloudformation:ListStacks", "Resource": "*"}
    )
    assert refusal(client("cloudformation", credentials=credentials).list_stacks)[1].endswith(
        "with an explicit deny in an identity-based policy"
    )


def test_a_session_policy_has_a_longest_length(client: ClientFactory, assumed: Owner) -> None:
    too_long = policy(allow(*[f"s3:Get{n}" for n in range(400)]))
    code, words = refusal(lambda: assumed(allow("*"), Policy=too_long))
    assert code == "ValidationError"
    assert "less than or equal to 2048" in words


def test_only_the_permitted_template_may_be_used(client: ClientFactory, account: str, assumed: Owner) -> None:
    s3 = client("s3", account)
    bucket = f"templates-{account}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    for key in ("good/t.json", "bad/t.json"):
        s3.put_object(Bucket=bucket, Key=key, Body=body(T=topic()))
    url = f"https://s3.us-west-2.amazonaws.com/{bucket}"
    cloudformation = client(
        "cloudformation",
        credentials=assumed(
            allow(
                "cloudformation:CreateStack",
                condition={
                    "StringEquals": {"aws:RequestedRegion": ["us-west-2"]},
                    "StringLike": {"cloudformation:TemplateUrl": f"{url}/good/*"},
                },
            ),
            allow("cloudformation:Describe*", "s3:GetObject", "sns:*"),
        ),
    )
    cloudformation.create_stack(StackName="s", TemplateURL=f"{url}/good/t.json")
    assert settled(cloudformation, "s")["StackStatus"] == "CREATE_COMPLETE"
    assert (
        refusal(cloudformation.create_stack, StackName="x", TemplateURL=f"{url}/bad/t.json")[0]
        == "AccessDenied"
    )
    assert (
        refusal(cloudformation.create_stack, StackName="x", TemplateBody=body(T=topic()))[0] == "AccessDenied"
    )


def test_a_template_that_the_caller_may_not_read_is_refused(
    client: ClientFactory, account: str, assumed: Owner
) -> None:
    s3 = client("s3", account)
    s3.create_bucket(
        Bucket=f"private-{account}", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    s3.put_object(Bucket=f"private-{account}", Key="t.json", Body=body(T=topic()))
    cloudformation = client("cloudformation", credentials=assumed(allow("cloudformation:*")))
    code, words = refusal(
        cloudformation.create_stack,
        StackName="s",
        TemplateURL=f"https://private-{account}.s3.us-west-2.amazonaws.com/t.json",
    )
    assert code == "ValidationError"
    assert words.startswith("S3 error: Access Denied")
    assert refusal(cloudformation.create_stack, StackName="s", TemplateURL="https://example.org/t.json") == (
        "ValidationError",
        "TemplateURL must be a supported URL.",
    )


def test_a_trust_that_has_ended_trusts_nobody(
    client: ClientFactory, account: str, user: dict[str, Any]
) -> None:
    iam, now = client("iam", account), datetime.now(UTC)
    sts = client("sts", credentials={k: user[k] for k in ("AccessKeyId", "SecretAccessKey")})
    for name, until, works in (
        ("Open", now + timedelta(hours=1), True),
        ("Over", now - timedelta(hours=1), False),
    ):
        arn = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=trust(
                {"AWS": f"arn:aws:iam::{account}:root"},
                StringEquals={"sts:ExternalId": "right"},
                DateLessThan={"aws:CurrentTime": until.strftime("%Y-%m-%dT%H:%M:%SZ")},
            ),
        )["Role"]["Arn"]
        request = {"RoleArn": arn, "RoleSessionName": "onb", "ExternalId": "right"}
        if works:
            sts.assume_role(**request)
            assert refusal(sts.assume_role, **{**request, "ExternalId": "wrong"})[0] == "AccessDenied"
        else:
            assert refusal(sts.assume_role, **request)[0] == "AccessDenied"


def test_a_role_sets_the_longest_session_and_chaining_ends_after_an_hour(
    client: ClientFactory, account: str, assumed: Owner, user: dict[str, Any]
) -> None:
    credentials = assumed(allow("*"))
    iam = client("iam", account)
    arn = iam.create_role(
        RoleName="Long",
        MaxSessionDuration=7200,
        AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{account}:root"}),
    )["Role"]["Arn"]
    direct = client("sts", credentials={k: user[k] for k in ("AccessKeyId", "SecretAccessKey")})
    direct.assume_role(RoleArn=arn, RoleSessionName="onb", DurationSeconds=7200)
    assert refusal(direct.assume_role, RoleArn=arn, RoleSessionName="onb", DurationSeconds=7201) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    code, words = refusal(
        client("sts", credentials=credentials).assume_role,
        RoleArn=arn,
        RoleSessionName="onb",
        DurationSeconds=3601,
    )
    assert code == "ValidationError"
    assert "role chaining" in words


@pytest.mark.parametrize("kind", ["session", "federation"])
def test_a_session_that_cannot_use_iam_fails_inside_the_stack(
    client: ClientFactory, account: str, user: dict[str, Any], kind: str
) -> None:
    iam = client("iam", account)
    iam.put_user_policy(UserName="person", PolicyName="all", PolicyDocument=policy(allow("*")))
    sts = client("sts", credentials={k: user[k] for k in ("AccessKeyId", "SecretAccessKey")})
    given = (
        sts.get_session_token()
        if kind == "session"
        else sts.get_federation_token(Name="person", Policy=policy(allow("*")))
    )["Credentials"]
    assert refusal(client("iam", credentials=given).list_account_aliases) == (
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    )
    cloudformation = client("cloudformation", credentials=given)
    cloudformation.create_stack(
        StackName="s", TemplateBody=body(Role=role()), Capabilities=["CAPABILITY_IAM"]
    )
    assert settled(cloudformation, "s")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "The security token included in the request is invalid" in failures(cloudformation, "s")[0]
    cloudformation.create_stack(StackName="topic", TemplateBody=body(T=topic()))
    assert settled(cloudformation, "topic")["StackStatus"] == "CREATE_COMPLETE"


def test_a_session_with_mfa_can_use_iam(client: ClientFactory, account: str, user: dict[str, Any]) -> None:
    client("iam", account).put_user_policy(
        UserName="person",
        PolicyName="all",
        PolicyDocument=policy(allow("iam:*", condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
    )
    sts = client("sts", credentials={k: user[k] for k in ("AccessKeyId", "SecretAccessKey")})
    given = sts.get_session_token(SerialNumber=f"arn:aws:iam::{account}:mfa/person", TokenCode="123456")[
        "Credentials"
    ]
    client("iam", credentials=given).list_roles()


def test_the_simulator_takes_context_and_pages(client: ClientFactory, account: str, assumed: Owner) -> None:
    assumed(allow("iam:CreateRole", condition=VIA_CLOUDFORMATION), allow("cloudformation:*"))
    iam = client("iam", account)
    request = {
        "PolicySourceArn": f"arn:aws:iam::{account}:role/Handover",
        "ActionNames": ["iam:CreateRole", "cloudformation:CreateStack", "s3:ListBucket"],
    }
    without = iam.simulate_principal_policy(**request)["EvaluationResults"]
    assert [r["EvalDecision"] for r in without] == ["implicitDeny", "allowed", "implicitDeny"]
    assert without[0]["MissingContextValues"] == ["aws:CalledVia"]
    entries = [
        {
            "ContextKeyName": "aws:CalledVia",
            "ContextKeyValues": ["cloudformation.amazonaws.com"],
            "ContextKeyType": "stringList",
        }
    ]
    with_context = iam.simulate_principal_policy(**request, ContextEntries=entries)["EvaluationResults"]
    assert with_context[0]["EvalDecision"] == "allowed"
    pages = list(
        iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=request["PolicySourceArn"], ActionNames=[f"s3:Get{n}" for n in range(150)]
        )
    )
    assert [len(p["EvaluationResults"]) for p in pages] == [100, 50]
    assert (
        refusal(
            iam.simulate_principal_policy,
            ActionNames=["s3:ListBucket"],
            PolicySourceArn=f"arn:aws:sts::{account}:assumed-role/Handover/onb-1",
        )[0]
        == "InvalidInput"
    )


def test_credentials_that_expire_on_the_way_fail_the_stack_and_its_rollback(
    cloud: str, client: ClientFactory, account: str
) -> None:
    control = Sandbox(cloud)
    control.account(account)
    keys = control.credentials(account=account, duration_seconds=1)
    owner = {
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
    }
    document = json.loads(body(T=topic(), Role=role()))
    document["Resources"]["Role"]["DependsOn"] = "Last"
    # One after the other: more than a second even on the tests' clock.
    for number in range(150):
        document["Resources"][f"T{number}"] = topic(DependsOn=f"T{number - 1}" if number else "T")
    document["Resources"]["Last"] = topic(DependsOn="T149")
    client("cloudformation", credentials=owner).create_stack(
        StackName="s", TemplateBody=json.dumps(document), Capabilities=["CAPABILITY_IAM"]
    )
    as_root = client("cloudformation", account)
    assert settled(as_root, "s")["StackStatus"] == "ROLLBACK_FAILED"
    assert "The security token included in the request is expired" in failures(as_root, "s")[-1]
    code = refusal(client("cloudformation", credentials=owner).list_stacks)[0]
    assert code == "ExpiredToken"


@pytest.mark.parametrize(
    ("resource", "rights", "missing"),
    [
        (
            {"Type": "AWS::CloudTrail::Trail", "Properties": {"S3BucketName": "b", "IsLogging": True}},
            [],
            "cloudtrail:CreateTrail on resource: arn:aws:cloudtrail:us-west-2:{account}:trail/s-Thing-",
        ),
        (
            {"Type": "AWS::CloudTrail::Trail", "Properties": {"S3BucketName": "b", "IsLogging": True}},
            ["cloudtrail:CreateTrail"],
            "cloudtrail:StartLogging on resource: ",
        ),
        (topic(), [], "sns:CreateTopic on resource: arn:aws:sns:us-west-2:{account}:s-Thing-"),
        (
            {
                "Type": "Custom::Thing",
                "Properties": {"ServiceToken": "arn:aws:lambda:us-west-2:111122223333:function:f"},
            },
            [],
            "lambda:InvokeFunction on resource: arn:aws:lambda:us-west-2:111122223333:function:f",
        ),
        (
            {"Type": "Custom::Thing", "Properties": {"ServiceToken": "arn:aws:sns:us-west-2:111122223333:t"}},
            [],
            "sns:Publish on resource: arn:aws:sns:us-west-2:111122223333:t",
        ),
        (
            {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Code": {"ZipFile": "pass"},
                    "Role": "arn:aws:iam::111122223333:role/r",
                },
            },
            ["lambda:*"],
            "iam:PassRole on resource: arn:aws:iam::111122223333:role/r",
        ),
        ({"Type": "AWS::S3::Bucket"}, [], "s3:CreateBucket on resource: arn:aws:s3:::s-thing-"),
    ],
)
def test_each_type_needs_its_own_rights(
    client: ClientFactory, account: str, assumed: Owner, resource: Any, rights: list[str], missing: str
) -> None:
    cloudformation = client("cloudformation", credentials=assumed(allow("cloudformation:*", *rights)))
    cloudformation.create_stack(StackName="s", TemplateBody=body(Thing=resource))
    assert settled(cloudformation, "s")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert (
        f"is not authorized to perform: {missing.format(account=account)}" in failures(cloudformation, "s")[0]
    )
