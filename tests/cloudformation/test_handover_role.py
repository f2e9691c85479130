"""The hand-over template gives what the job needs and nothing else: by our list, and by AWS's own schemas."""

import dataclasses
import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

import pytest

from onboarding import needs, policies
from onboarding.aws.policies import Request, as_list, refusal
from onboarding.blueprint import Blueprint, Template, build_blueprint
from tests.cloudformation.test_templates import _decoded, _statements

ACCOUNT = "484535289196"

# What a handler lists for properties that none of our templates has.
UNUSED_BY_OURS = {
    "AWS::IAM::Role": {"iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary"},
    "AWS::Lambda::Function": {
        # Code in a bucket, a VPC, a file system, a key, layers, code signing, concurrency, versions.
        "s3:GetObject",
        "s3:GetObjectVersion",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "elasticfilesystem:DescribeMountTargets",
        "s3files:ListMountTargets",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "lambda:AssociateRuntimeAlias",
        "lambda:DeleteFunctionCodeSigningConfig",
        "lambda:DeleteFunctionConcurrency",
        "lambda:GetCodeSigningConfig",
        "lambda:GetLayerVersion",
        "lambda:PassCapacityProvider",
        "lambda:PublishVersion",
        "lambda:PutFunctionCodeSigningConfig",
        "lambda:PutFunctionConcurrency",
        "lambda:PutFunctionRecursionConfig",
        "lambda:PutFunctionScalingConfig",
        "lambda:PutRuntimeManagementConfig",
    },
}


@pytest.fixture(params=["templates go along", "templates are published"])
def shipped(request: pytest.FixtureRequest, blueprint: Blueprint) -> Blueprint:
    if request.param == "templates go along":
        return blueprint
    company = blueprint.company
    published = dataclasses.replace(company.templates, bucket="infosec-templates")
    return build_blueprint(dataclasses.replace(company, templates=published))


def policy_in(template: Template) -> dict[str, Any]:
    """The hand-over role's policies as one, in one account."""
    role = _decoded(template)["Resources"]["HandoverRole"]
    text = json.dumps({"Version": "2012-10-17", "Statement": list(_statements(role))}, default=str)
    policy: dict[str, Any] = json.loads(text, object_hook=_substituted)
    return policy


def _substituted(value: dict[str, Any]) -> Any:
    return value["Fn::Sub"].replace("${AWS::AccountId}", ACCOUNT) if set(value) == {"Fn::Sub"} else value


def requests_of(need: needs.Need) -> Iterable[Request]:
    for action in need.actions:
        for sample in need.samples:
            for context in need.contexts:
                keys = {"aws:requestedregion": "us-west-2", **context}
                yield Request(action, sample, context={key.lower(): value for key, value in keys.items()})


def test_the_template_allows_all_that_is_needed(shipped: Blueprint) -> None:
    policy = policy_in(shipped.handover.template)
    for need in needs.needs_of(shipped.company, ACCOUNT):
        assert refusal(policy, requests_of(need)) == "", need


def test_the_template_allows_nothing_that_is_not_needed(shipped: Blueprint) -> None:
    wanted = policies.policy_of(shipped.company, ACCOUNT)["Statement"]
    in_template = policy_in(shipped.handover.template)["Statement"]
    assert {each["Sid"]: _plain(each) for each in in_template} == {
        each["Sid"]: _plain(each) for each in wanted
    }


def _plain(statement: dict[str, Any]) -> tuple[Any, ...]:
    conditions = {
        operator: {key: sorted(as_list(values)) for key, values in keys.items()}
        for operator, keys in statement.get("Condition", {}).items()
    }
    actions, places = as_list(statement["Action"]), as_list(statement["Resource"])
    return sorted(actions), sorted(places), conditions


def test_what_is_shown_as_the_plain_policy_fits_a_managed_policy(shipped: Blueprint) -> None:
    text = json.dumps(policies.policy_of(shipped.company, ACCOUNT), separators=(",", ":"))
    assert len(text) <= 6_144


def handlers_of(resource_type: str) -> dict[str, set[str]]:
    """The actions that AWS's schema of the type lists for each of its handlers."""
    schemas = resources.files("cfnlint.data.schemas")
    providers = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    name = providers[resource_type].removesuffix(".json")
    schema = json.loads((schemas / "resources" / f"{name}.json").read_text())
    return {
        handler: set(schema["handlers"][handler]["permissions"])
        for handler in ("create", "read", "update", "delete")
    }


@pytest.mark.parametrize(
    ("resource_type", "arn", "by_whom"),
    [
        ("AWS::IAM::Role", f"arn:aws:iam::{ACCOUNT}:role/InfosecClientRoles-SecurityAuditRole-ABC", "roles"),
        ("AWS::IAM::Role", f"arn:aws:iam::{ACCOUNT}:role/DeployCloudTrailClo-InstallerRole-ABC", "trails"),
        (
            "AWS::Lambda::Function",
            f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:DeployCloudTrail-1",
            "trails",
        ),
    ],
)
def test_the_role_has_every_action_of_awss_schemas_that_our_properties_bring_about(
    shipped: Blueprint, resource_type: str, arn: str, by_whom: str
) -> None:
    policy = policy_in(shipped.handover.template)
    has_managed_policies = by_whom == "roles"
    for handler, actions in handlers_of(resource_type).items():
        for action in sorted(actions - UNUSED_BY_OURS[resource_type]):
            if action in {"iam:AttachRolePolicy", "iam:DetachRolePolicy"} and not has_managed_policies:
                continue
            resource = arn
            if action == "iam:PassRole":
                resource = f"arn:aws:iam::{ACCOUNT}:role/DeployCloudTrailClo-InstallerRole-ABC"
            context = {
                "aws:calledvia": "cloudformation.amazonaws.com",
                "iam:policyarn": "arn:aws:iam::aws:policy/SecurityAudit",
                "iam:passedtoservice": "lambda.amazonaws.com",
            }
            assert refusal(policy, [Request(action, resource, context=context)]) == "", (handler, action)


def test_the_old_role_may_be_deleted_with_what_awss_schema_lists_for_it(shipped: Blueprint) -> None:
    policy = policy_in(shipped.handover.template)
    arn = f"arn:aws:iam::{ACCOUNT}:role/any-name-OpSecSecurityAuditRole-ABC"
    # Listed for tags that CloudFormation itself put on a role; the old template has none.
    unused = {"iam:TagRole", "iam:UntagRole"}
    context = {
        "aws:calledvia": "cloudformation.amazonaws.com",
        "iam:policyarn": "arn:aws:iam::aws:policy/Any",
    }
    for action in sorted(handlers_of("AWS::IAM::Role")["delete"] - unused):
        assert refusal(policy, [Request(action, arn, context=context)]) == "", action
