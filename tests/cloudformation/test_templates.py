"""Every template as CloudFormation will get it: clean under AWS's own linter, and within AWS's limits."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import cfnlint.decode
import pytest
from cfnlint.api import ManualArgs, lint

from onboarding.blueprint import Blueprint, Template, build_blueprint

NAMES = ["infosec_client_roles", "deploy_cloudtrail", "regional_trail", "handover_role"]


def _published(blueprint: Blueprint) -> Blueprint:
    company = blueprint.company
    templates = dataclasses.replace(company.templates, bucket="infosec-templates")
    return build_blueprint(dataclasses.replace(company, templates=templates))


def _templates(blueprint: Blueprint) -> dict[str, Template]:
    parts = [blueprint.roles.template, blueprint.trails.template, blueprint.handover.template]
    return {one.name: one for one in [*parts, blueprint.regional_template]}


def _decoded(template: Template) -> Any:
    decoded, problems = cfnlint.decode.decode_str(template.body)
    assert not problems
    return decoded


def _statements(role: Any) -> Iterator[dict[str, Any]]:
    for policy in _policies(role):
        yield from policy["PolicyDocument"]["Statement"]


def _policies(role: Any) -> list[dict[str, Any]]:
    """A role's inline policies, those too that stand there only under a condition."""
    return [one.get("Fn::If", ("", one))[1] for one in role["Properties"]["Policies"]]


def _statement(role: Any, sid: str) -> dict[str, Any]:
    return next(one for one in _statements(role) if one.get("Sid") == sid)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("published", [False, True])
def test_a_rendered_template_is_clean(blueprint: Blueprint, name: str, *, published: bool) -> None:
    template = _templates(_published(blueprint) if published else blueprint)[name]
    regions = ["us-west-2", "us-east-1", "eu-central-1"]
    assert lint(template.body, config=ManualArgs(regions=regions)) == []
    assert "@@" not in template.body


def test_the_linter_would_complain(blueprint: Blueprint) -> None:
    broken = blueprint.trails.template.body.replace("python3.13", "python2.7")
    assert [one.rule.id for one in lint(broken, config=ManualArgs(regions=["us-west-2"]))] == ["E2533"]


def test_every_template_can_go_along_in_a_request(blueprint: Blueprint) -> None:
    for template in _templates(blueprint).values():
        assert len(template.body.encode()) <= 51_200
        assert len(_decoded(template)["Description"].encode()) <= 1024


def test_no_role_takes_more_inline_policy_than_iam_allows(blueprint: Blueprint) -> None:
    for part in (blueprint, _published(blueprint)):
        for template in _templates(part).values():
            for resource in _decoded(template)["Resources"].values():
                if resource["Type"] == "AWS::IAM::Role":
                    policies = _policies(resource)
                    size = sum(
                        len(json.dumps(one["PolicyDocument"], separators=(",", ":"))) for one in policies
                    )
                    assert size <= 10_240


def test_only_the_handover_role_has_a_name(blueprint: Blueprint) -> None:
    for template in _templates(blueprint).values():
        named = [one for one in _decoded(template)["Resources"].values() if "RoleName" in one["Properties"]]
        assert len(named) == (1 if template.name == "handover_role" else 0)
    assert blueprint.handover.capabilities == ("CAPABILITY_NAMED_IAM",)
    assert blueprint.roles.capabilities == blueprint.trails.capabilities == ("CAPABILITY_IAM",)


def test_infosecs_roles_trust_one_principal_that_may_be_made_anew(blueprint: Blueprint) -> None:
    roles = _decoded(blueprint.roles.template)["Resources"]
    for name, parameter in [
        ("SecurityAuditRole", "SecurityAuditPrincipalArn"),
        ("IncidentResponseRole", "IncidentResponsePrincipalArn"),
    ]:
        (statement,) = roles[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"]["AWS"]["Fn::Sub"][0] == "arn:aws:iam::${Account}:root"
        assert statement["Condition"]["ArnEquals"] == {"aws:PrincipalArn": {"Ref": parameter}}


def test_the_audit_role_only_reads(blueprint: Blueprint) -> None:
    role = _decoded(blueprint.roles.template)["Resources"]["SecurityAuditRole"]
    assert role["Properties"]["ManagedPolicyArns"] == ["arn:aws:iam::aws:policy/SecurityAudit"]
    actions = [action for statement in _statements(role) for action in statement["Action"]]
    assert all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in actions)


def test_incident_response_cannot_give_rights_or_blind_the_record(blueprint: Blueprint) -> None:
    role = _decoded(blueprint.roles.template)["Resources"]["IncidentResponseRole"]
    deny = _statement(role, "NeverBlindTheRecord")
    assert deny["Effect"] == "Deny"
    assert {"cloudtrail:StopLogging", "cloudtrail:DeleteTrail"} <= set(deny["Action"])
    attach = _statement(role, "DenyAPersonOrRoleEverything")
    assert attach["Condition"]["ArnEquals"] == {"iam:PolicyARN": "arn:aws:iam::aws:policy/AWSDenyAll"}
    allowed = {action for one in _statements(role) if one["Effect"] == "Allow" for action in one["Action"]}
    giving = {
        "iam:PutRolePolicy",
        "iam:PutUserPolicy",
        "iam:CreateRole",
        "iam:PassRole",
        "iam:CreateAccessKey",
    }
    assert not allowed & giving
    assert not any("*" in action for action in allowed)


def test_the_function_has_time_to_answer(blueprint: Blueprint) -> None:
    resources = _decoded(blueprint.trails.template)["Resources"]
    assert resources["Installer"]["Properties"]["Timeout"] == 900
    assert resources["RegionalTrails"]["Properties"]["ServiceTimeout"] == 960


def test_the_function_may_touch_only_its_own_stacks_and_trails(blueprint: Blueprint) -> None:
    role = _decoded(blueprint.trails.template)["Resources"]["InstallerRole"]
    for statement in _statements(role):
        if statement["Resource"] == "*":
            assert statement["Action"] == "cloudtrail:DescribeTrails"
    assert "${RegionalStackName}/" in _statement(role, "RegionalStacks")["Resource"]["Fn::Sub"]
    through = _statement(role, "TrailsOnlyThroughCloudFormation")
    assert "cloudtrail:DeleteTrail" in through["Action"]
    # An owner's own trails only by the names that the owner gave, and with no name not at all.
    conditional = [one["Fn::If"] for one in role["Properties"]["Policies"] if "Fn::If" in one]
    assert [one[0] for one in conditional] == ["RepointsTrails", "FreesTrails"]
    assert {one[2]["Ref"] for one in conditional} == {"AWS::NoValue"}
    assert _statement(role, "RepointNamedTrails")["Resource"] == {"Ref": "RepointedTrailArns"}
    assert _statement(role, "DeleteNamedTrails")["Resource"] == {"Ref": "FreedTrailArns"}
    assert "aws:CalledVia" in through["Condition"]["ForAnyValue:StringEquals"]


def test_a_handover_is_for_one_principal_one_onboarding_and_a_while(blueprint: Blueprint) -> None:
    role = _decoded(blueprint.handover.template)["Resources"]["HandoverRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": "arn:aws:iam::777788889999:role/OnboardingWorker"}
    assert trust["Condition"] == {
        "StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}},
        "DateLessThan": {"aws:CurrentTime": {"Ref": "ExpiresAt"}},
    }
    assert role["MaxSessionDuration"] == 3600


def test_a_handover_changes_roles_and_functions_only_through_cloudformation(blueprint: Blueprint) -> None:
    role = _decoded(blueprint.handover.template)["Resources"]["HandoverRole"]
    reading = ("Get", "List", "Simulate")
    for statement in _statements(role):
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            service, verb = action.split(":")
            if statement["Sid"] in {"DetachFromOldRole", "TakeOutOfInstanceProfiles"}:
                continue
            if service in {"iam", "lambda"} and not verb.startswith(reading) and verb != "PassRole":
                via = statement["Condition"]["ForAnyValue:StringEquals"]["aws:CalledVia"]
                assert via == ["cloudformation.amazonaws.com"]
    removed = _statement(role, "DeleteOldRole")["Resource"]
    assert removed == [{"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/*-OpSecSecurityAuditRole-*"}]
    attached = _statement(role, "OnlyTheseManagedPolicies")["Condition"]["ArnEquals"]["iam:PolicyARN"]
    assert attached == ["arn:aws:iam::aws:policy/SecurityAudit", "arn:aws:iam::aws:policy/ReadOnlyAccess"]
    every = {
        action for one in _statements(role) for action in one["Action"] if isinstance(one["Action"], list)
    }
    # By hand only the old role may lose what hangs on it, and only an old stack its protection.
    assert _statement(role, "DetachFromOldRole")["Resource"] == removed
    assert "cloudformation:UpdateTerminationProtection" not in every
    lifted = _statement(role, "LiftProtection")
    assert lifted["Action"] == "cloudformation:UpdateTerminationProtection"
    assert [each["Fn::Sub"].partition(":stack/")[2] for each in lifted["Resource"]] == [
        f"{name}/*" for name in blueprint.company.old.stack_names
    ]


def test_a_handover_is_fenced_by_published_templates_and_says_so_when_there_are_none(
    blueprint: Blueprint,
) -> None:
    published = _published(blueprint)
    fenced = _decoded(published.handover.template)["Resources"]["HandoverRole"]
    assert _statement(fenced, "CreateAndUpdate")["Condition"]["StringLike"] == {
        "cloudformation:TemplateUrl": "https://infosec-templates.s3.us-west-2.amazonaws.com/templates/*"
    }
    assert "ReadPublishedTemplates" in {one["Sid"] for one in _statements(fenced)}
    open_role = _decoded(blueprint.handover.template)["Resources"]["HandoverRole"]
    assert "StringLike" not in _statement(open_role, "CreateAndUpdate")["Condition"]
    assert "ReadPublishedTemplates" not in {one["Sid"] for one in _statements(open_role)}
    assert "not published" in _decoded(blueprint.handover.template)["Description"]


def test_without_old_roles_a_handover_may_delete_none(blueprint: Blueprint) -> None:
    company = blueprint.company
    old = dataclasses.replace(company.old, role_logical_ids=())
    template = build_blueprint(dataclasses.replace(company, old=old)).handover.template
    role = _decoded(template)["Resources"]["HandoverRole"]
    assert "DeleteOldRole" not in {one["Sid"] for one in _statements(role)}
