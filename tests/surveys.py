"""Accounts as a survey finds them, made by hand: what the pure modules are tried on."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onboarding.blueprint import (
    BLUEPRINT_TAG,
    DIGEST_TAG,
    StackBlueprint,
    build_blueprint,
    roles_parameters,
    trails_parameters,
)
from onboarding.company import load_company
from onboarding.observed import AccountSurvey, RegionSurvey, Role, Stack, StackResource, Trail
from onboarding.states import RegionOutcome

COMPANY = load_company(Path(__file__).parent.parent / "company.example.toml")
BLUEPRINT = build_blueprint(COMPANY)
NUMBER = "484535289196"
TAKEN_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
REGIONS = ("eu-west-1", "sa-east-1", "us-east-1", "us-west-2")
OLD_PRINCIPAL = COMPANY.old.trusted_principal_arns[0]


def stack_arn(region: str, name: str) -> str:
    return f"arn:aws:cloudformation:{region}:{NUMBER}:stack/{name}/1"


def make_stack(region: str, name: str, status: str = "CREATE_COMPLETE", **fields: Any) -> Stack:
    return Stack(stack_id=stack_arn(region, name), name=name, region=region, status=status, **fields)


def old_template(*, principal: str = OLD_PRINCIPAL) -> str:
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    return json.dumps({"Resources": {"OpSecSecurityAuditRole": role}})


OLD_ROLE = StackResource("OpSecSecurityAuditRole", "AWS::IAM::Role", "old-role", "CREATE_COMPLETE")


def old_stack(region: str = "sa-east-1", name: str = "opsec-audit-2015", **fields: Any) -> Stack:
    """The old stack, under a drifted name, in an odd region."""
    made = make_stack(
        region,
        name,
        description="OpSec Security Audit Role",
        resources=(OLD_ROLE,),
        template_body=old_template(),
    )
    return replace(made, **fields)


def parent_stack(part: StackBlueprint, region: str, status: str = "CREATE_COMPLETE", **fields: Any) -> Stack:
    """One of the two parents, up to date unless told otherwise."""
    parameters = (
        roles_parameters(BLUEPRINT)
        if part is BLUEPRINT.roles
        else trails_parameters(BLUEPRINT, regions=REGIONS, choices={}, attempt=1)
    )
    made = make_stack(region, part.stack_name, status, tags=dict(part.tags), parameters=parameters)
    return replace(made, **fields)


def regional_stack(region: str, status: str = "CREATE_COMPLETE", **fields: Any) -> Stack:
    made = make_stack(
        region,
        COMPANY.trails.regional_stack_name,
        status,
        tags={BLUEPRINT_TAG: "regional_trail", DIGEST_TAG: BLUEPRINT.regional_template.digest},
        parameters={"BucketName": COMPANY.storage.bucket, "TopicArn": COMPANY.storage.topic_arn},
        resources=(StackResource("Trail", "AWS::CloudTrail::Trail", "our-trail", "CREATE_COMPLETE"),),
    )
    return replace(made, **fields)


def make_trail(region: str, name: str = "own-trail", **fields: Any) -> Trail:
    made = Trail(
        arn=f"arn:aws:cloudtrail:{region}:{NUMBER}:trail/{name}",
        name=name,
        region=region,
        home_region=region,
        bucket="own-bucket",
        is_logging=True,
    )
    return replace(made, **fields)


def our_trail(region: str, **fields: Any) -> Trail:
    made = make_trail(region, "our-trail", bucket=COMPANY.storage.bucket, topic_arn=COMPANY.storage.topic_arn)
    return replace(made, **fields)


def make_region(
    region: str, *stacks: Stack, trails: tuple[Trail, ...] = (), outcome: RegionOutcome = RegionOutcome.READ
) -> RegionSurvey:
    return RegionSurvey(region=region, outcome=outcome, stacks=stacks, trails=trails)


def make_survey(*changed: RegionSurvey, old_roles: tuple[Role, ...] | None = ()) -> AccountSurvey:
    """An account with four enabled regions that hold nothing but what `changed` says."""
    regions = {region: make_region(region) for region in REGIONS}
    regions |= {region.region: region for region in changed}
    return AccountSurvey(
        account=NUMBER,
        alias="mozilla-community-it",
        taken_at=TAKEN_AT,
        regions=tuple(regions[name] for name in sorted(regions)),
        old_roles=old_roles,
    )


def covered_region(region: str, *stacks: Stack) -> RegionSurvey:
    """A region that is right, with further stacks."""
    return make_region(region, regional_stack(region), *stacks, trails=(our_trail(region),))


def right_survey(*changed: RegionSurvey) -> AccountSurvey:
    """An account where nothing is left to do."""
    parents = (
        parent_stack(BLUEPRINT.roles, "us-west-2"),
        parent_stack(BLUEPRINT.trails, "us-west-2"),
    )
    regions = {region: covered_region(region) for region in REGIONS}
    regions["us-west-2"] = covered_region("us-west-2", *parents)
    return make_survey(*(regions | {region.region: region for region in changed}).values())
