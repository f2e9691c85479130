"""What a survey finds, and what may happen in one region without spoiling the rest."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from onboarding.aws import account as accounts
from onboarding.aws import regions, stacks
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession
from onboarding.company import Company
from onboarding.observed import DEFAULT_REGIONS, AccountSurvey, RegionSurvey, Role, Stack
from onboarding.states import FailureKind, RegionOutcome
from tests.aws.conftest import StandIn, StubFactory

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
# Beside the 17 default regions, so many opt-in regions are enabled unless a test says otherwise.
OPT_IN = 2


def survey(session: AwsSession, company: Company) -> AccountSurvey:
    return regions.survey_account(session, company, now=NOW)


def in_region(found: AccountSurvey, name: str) -> RegionSurvey:
    region = found.region(name)
    assert region is not None
    return region


def only_stack(found: AccountSurvey) -> Stack:
    (stack,) = [stack for region in found.regions for stack in region.stacks]
    return stack


def test_an_empty_account_is_read_in_every_enabled_region(
    owner: AwsSession, company: Company, account: str
) -> None:
    found = survey(owner, company)
    by_outcome = Counter(region.outcome for region in found.regions)
    assert found.account == account
    assert found.taken_at == NOW
    assert found.knows_all_regions
    assert found.old_roles == ()
    assert by_outcome[RegionOutcome.READ] == len(DEFAULT_REGIONS) + OPT_IN
    assert by_outcome[RegionOutcome.NOT_ENABLED] == 34 - len(DEFAULT_REGIONS) - OPT_IN
    assert not [region for region in found.regions if region.stacks or region.trails]
    assert [region.region for region in found.regions] == sorted(region.region for region in found.regions)


def test_a_region_that_is_not_enabled_is_never_called(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    found = survey(owner, company)
    closed = {region.region for region in found.regions if region.outcome == RegionOutcome.NOT_ENABLED}
    called = {request.region for request in stand_in.control.requests(account=account)}
    assert closed
    assert not closed & called


def test_the_old_stack_is_found_under_another_name_in_an_odd_region(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    made = stand_in.control.scenario(
        "old-stack", account=account, region="sa-east-1", stack_name="infosec-audit-legacy"
    )
    found = survey(owner, company)
    stack = only_stack(found)
    assert (stack.name, stack.region, stack.stack_id) == (
        "infosec-audit-legacy",
        "sa-east-1",
        made["stack_id"],
    )
    assert stack.resources is not None
    assert [each.logical_id for each in stack.resources] == ["OpSecSecurityAuditRole"]
    assert stack.template_body is not None
    assert company.old.trusted_principal_arns[0] in stack.template_body
    assert found.old_roles is not None
    assert [role.name for role in found.old_roles] == [stack.resources[0].physical_id]


def create_now(stand_in: StandIn, session: AwsSession, account: str, region: str, template: Any) -> str:
    cloudformation = stand_in.client("cloudformation", account, region)
    made: str = cloudformation.create_stack(
        StackName="something-else", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )["StackId"]
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=made, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return made


def test_the_old_stack_is_found_by_its_content_alone(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": company.old.trusted_principal_arns[0]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    template = {"Description": "No hint", "Resources": {"OpSecSecurityAuditRole": role}}
    stack_id = create_now(stand_in, owner, account, "eu-west-3", template)
    stack = only_stack(survey(owner, company))
    assert (stack.stack_id, stack.region) == (stack_id, "eu-west-3")
    assert stack.template_body is not None


def test_a_role_without_any_stack_is_reported(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": company.old.trusted_principal_arns[0]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    stand_in.client("iam", account).create_role(
        RoleName="By-hand", AssumeRolePolicyDocument=json.dumps(trust)
    )
    found = survey(owner, company)
    assert found.old_roles is not None
    assert [role.name for role in found.old_roles] == ["By-hand"]
    assert not [region for region in found.regions if region.stacks]


def test_nested_and_stack_set_stacks_come_with_the_facts_to_refuse_them(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    stand_in.control.scenario("nested-old-stack", account=account)
    nested = only_stack(survey(owner, company))
    assert nested.parent_id
    assert nested.root_id
    other = str(int(account) + 1)
    stand_in.control.scenario("stackset-old-stack", account=other)
    assert only_stack(survey(stand_in.session(account=other), company)).name.startswith("StackSet-")


def test_protection_is_seen(stand_in: StandIn, owner: AwsSession, company: Company, account: str) -> None:
    stand_in.control.scenario("termination-protected", account=account)
    assert only_stack(survey(owner, company)).is_termination_protected


def test_trails_of_the_owner_and_of_other_regions_are_told_apart(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    stand_in.control.scenario("own-trails", account=account)
    found = survey(owner, company)
    by_name = {trail.name: trail for trail in in_region(found, "us-east-1").trails}
    assert by_name.keys() == {"web-team-audit", "all-regions"}
    assert by_name["all-regions"].is_shadow
    assert by_name["all-regions"].is_multi_region
    assert not by_name["web-team-audit"].is_shadow
    assert by_name["web-team-audit"].is_logging is True


def test_a_half_finished_attempt_is_seen_as_it_is(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    stand_in.control.scenario("half-finished", account=account)
    found = survey(owner, company)
    statuses = {
        (stack.name, stack.region): stack.status for region in found.regions for stack in region.stacks
    }
    assert statuses == {
        (company.roles.stack_name, "us-west-2"): "CREATE_COMPLETE",
        (company.trails.parent_stack_name, "us-west-2"): "ROLLBACK_COMPLETE",
        (company.trails.regional_stack_name, "us-east-1"): "ROLLBACK_COMPLETE",
        (company.trails.regional_stack_name, "eu-west-1"): "CREATE_COMPLETE",
    }
    (trail,) = in_region(found, "eu-west-1").trails
    assert (trail.bucket, trail.topic_arn) == (company.storage.bucket, company.storage.topic_arn)


BROKEN = {
    "reset": RegionOutcome.UNREACHABLE,
    "unparseable": RegionOutcome.UNREACHABLE,
    "5xx": RegionOutcome.UNREACHABLE,
    "throttle": RegionOutcome.UNREACHABLE,
    "access-denied": RegionOutcome.DENIED,
    "scp-denied": RegionOutcome.DENIED,
    "region-disabled": RegionOutcome.DENIED,
    "expired": RegionOutcome.DENIED,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_one_broken_region_never_spoils_the_others(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str, kind: str
) -> None:
    stand_in.control.fault(kind=kind, region="eu-north-1", account=account)
    found = survey(owner, company)
    assert in_region(found, "eu-north-1").outcome == BROKEN[kind]
    assert in_region(found, "eu-north-1").failure is not None
    read = [region for region in found.regions if region.outcome == RegionOutcome.READ]
    assert len(read) == len(DEFAULT_REGIONS) + OPT_IN - 1


@pytest.mark.parametrize("action", ["ListStacks", "DescribeTrails"])
def test_an_answer_that_makes_no_sense_spoils_no_other_region(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str, action: str
) -> None:
    stand_in.control.fault(kind="unparseable", action=action, region="eu-north-1", account=account)
    found = in_region(survey(owner, company), "eu-north-1")
    assert found.outcome == RegionOutcome.UNREACHABLE
    assert found.failure is not None
    assert found.failure.kind is FailureKind.UNREADABLE


@pytest.mark.parametrize("kind", ["throttle", "reset", "unparseable"])
def test_a_region_whose_trouble_passes_is_read_after_all(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str, kind: str
) -> None:
    stand_in.control.fault(
        kind=kind,
        service="cloudtrail",
        region="eu-north-1",
        account=account,
        count=1 if kind == "unparseable" else 4,
    )
    assert in_region(survey(owner, company), "eu-north-1").outcome == RegionOutcome.READ


def test_an_organizations_denial_is_named(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    stand_in.control.scenario("scp-denied-region", account=account, region="eu-north-1")
    failure = in_region(survey(owner, company), "eu-north-1").failure
    assert failure is not None
    assert failure.kind is FailureKind.DENIED_BY_ORGANIZATION


def test_a_token_of_the_global_endpoint_leaves_opt_in_regions_out(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    found = survey(stand_in.session(account=account, version_1=True), company)
    opted_in = [
        region
        for region in found.regions
        if region.failure and region.failure.kind is FailureKind.NOT_ENABLED
    ]
    assert len(opted_in) == OPT_IN
    assert all(region.outcome == RegionOutcome.NOT_ENABLED for region in opted_in)


@pytest.mark.parametrize("denied", [["account"], ["account", "ec2"]])
def test_regions_are_listed_by_whichever_service_answers(
    stand_in: StandIn, owner: AwsSession, account: str, denied: list[str]
) -> None:
    for service in denied:
        stand_in.control.fault(kind="access-denied", service=service, account=account)
    found = accounts.enabled_regions(owner)
    if "ec2" in denied:
        assert found == accounts.Regions(enabled=DEFAULT_REGIONS, knows_all=False)
    else:
        assert len(found.enabled) == len(DEFAULT_REGIONS) + OPT_IN
        assert len(found.enabled) + len(found.not_enabled) == 34


def test_expired_credentials_end_the_survey(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    stand_in.control.fault(kind="expired", account=account)
    with pytest.raises(AwsFailure) as caught:
        survey(owner, company)
    assert caught.value.failure.kind is FailureKind.EXPIRED


def test_a_survey_asks_little_of_each_region(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    stand_in.control.scenario("half-finished", account=account)
    before = stand_in.control.last_request()
    survey(owner, company)
    asked = Counter(
        request.region
        for request in stand_in.control.requests(account=account, after=before)
        if request.service in {"cloudformation", "cloudtrail"}
    )
    assert max(asked.values()) <= 12
    assert asked["ap-south-1"] == 2


def test_a_slow_region_is_given_up_in_time(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "SURVEY_SECONDS", 2.0)
    stand_in.control.fault(kind="slow", region="eu-north-1", account=account, milliseconds=6000, count=1)
    found = survey(owner, company)
    slow = in_region(found, "eu-north-1")
    assert slow.outcome == RegionOutcome.UNREACHABLE
    assert slow.failure is not None
    assert slow.failure.code == "TooSlow"


def test_one_region_alone_can_be_read_again(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    stand_in.control.scenario("exists-in-other-home", account=account)
    found = regions.survey_region(owner, company, "us-east-1")
    (stack,) = found.stacks
    assert stack.outputs.keys() == {"SecurityAuditRoleArn", "IncidentResponseRoleArn"}
    assert stacks.describe(owner, "us-west-2", company.roles.stack_name) is None


def _played_elsewhere(stub: StubFactory, company: Company, *, description: str) -> None:
    """An endpoint whose listing tells no descriptions, and which can't find a stack by its resource."""
    role = "something-else-OpSecSecurityAuditRole-1ABC"
    stack_id = "arn:aws:cloudformation:eu-west-3:111122223333:stack/something-else/1"
    at = NOW.isoformat()
    listed = {"StackName": "something-else", "StackId": stack_id, "StackStatus": "CREATE_COMPLETE"}
    described = {**listed, "CreationTime": at, "Description": description}
    resource = {
        "LogicalResourceId": "OpSecSecurityAuditRole",
        "PhysicalResourceId": role,
        "ResourceType": "AWS::IAM::Role",
        "ResourceStatus": "CREATE_COMPLETE",
        "LastUpdatedTimestamp": at,
    }
    trust = {"AssumeRolePolicyDocument": {"Principal": {"AWS": company.old.trusted_principal_arns[0]}}}
    body = {"Resources": {"OpSecSecurityAuditRole": {"Type": "AWS::IAM::Role", "Properties": trust}}}
    cloudformation = stub("cloudformation", "eu-west-3")
    cloudformation.add_response("list_stacks", {"StackSummaries": [{**listed, "CreationTime": at}]})
    cloudformation.add_response("describe_stacks", {"Stacks": [described]})
    if description not in company.old.descriptions:
        cloudformation.add_client_error("describe_stack_resources", "ValidationError", "does not exist")
        cloudformation.add_response("list_stacks", {"StackSummaries": [{**listed, "CreationTime": at}]})
    cloudformation.add_response("describe_stacks", {"Stacks": [described]})
    cloudformation.add_response("list_stack_resources", {"StackResourceSummaries": [resource]})
    cloudformation.add_response("get_template", {"TemplateBody": json.dumps(body)})


def test_the_old_stack_is_found_where_a_listing_tells_no_descriptions(
    stub: StubFactory, session: AwsSession, company: Company
) -> None:
    _played_elsewhere(stub, company, description=company.old.descriptions[0])
    stub("cloudtrail", "eu-west-3").add_response("describe_trails", {"trailList": []})
    found = regions.survey_region(session, company, "eu-west-3")
    assert [stack.name for stack in found.stacks] == ["something-else"]


def test_a_roles_stack_is_found_by_its_name_where_it_cannot_be_asked_for(
    stub: StubFactory, session: AwsSession, company: Company
) -> None:
    _played_elsewhere(stub, company, description="No hint")
    stub("cloudtrail", "eu-west-3").add_response("describe_trails", {"trailList": []})
    read = regions.survey_region(session, company, "eu-west-3")
    assert read.stacks == ()
    name = "something-else-OpSecSecurityAuditRole-1ABC"
    role = Role(f"arn:aws:iam::111122223333:role/{name}", name, trusted_principals=())
    (found,) = regions._stacks_owning(session, [role], [read])
    assert found.name == "something-else"
