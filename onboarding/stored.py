"""How is what was observed kept as JSON, and read back?

The worker writes it, pages read it. Both ways are total: reading back gives an equal value.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType
from typing import Any

from onboarding.observed import (
    NOTHING,
    AccountSurvey,
    Failure,
    RegionSurvey,
    Role,
    Stack,
    StackResource,
    Trail,
)
from onboarding.states import FailureKind, RegionOutcome

Json = dict[str, Any]

_TIMES_OF_A_TRAIL = ("logging_since", "latest_delivery_at")


def failure_as_json(failure: Failure) -> Json:
    return {**asdict(failure), "kind": str(failure.kind)}


def failure_from_json(stored: Mapping[str, Any] | None) -> Failure | None:
    """None for None: most things carry no failure."""
    if stored is None:
        return None
    return Failure(**{**stored, "kind": FailureKind(stored["kind"])})


def survey_as_json(survey: AccountSurvey) -> Json:
    return {
        "account": survey.account,
        "alias": survey.alias,
        "taken_at": survey.taken_at.isoformat(),
        "knows_all_regions": survey.knows_all_regions,
        "old_roles": None if survey.old_roles is None else [asdict(role) for role in survey.old_roles],
        "stack_roles": [asdict(role) for role in survey.stack_roles],
        "regions": [_region_as_json(region) for region in survey.regions],
    }


def survey_from_json(stored: Mapping[str, Any]) -> AccountSurvey:
    old_roles = stored["old_roles"]
    return AccountSurvey(
        account=stored["account"],
        alias=stored["alias"],
        taken_at=datetime.fromisoformat(stored["taken_at"]),
        knows_all_regions=stored["knows_all_regions"],
        old_roles=None if old_roles is None else tuple(_role_from_json(role) for role in old_roles),
        stack_roles=tuple(_role_from_json(role) for role in stored.get("stack_roles", ())),
        regions=tuple(_region_from_json(region) for region in stored["regions"]),
    )


def _region_as_json(region: RegionSurvey) -> Json:
    return {
        "region": region.region,
        "outcome": str(region.outcome),
        "failure": failure_as_json(region.failure) if region.failure else None,
        "stacks": [_stack_as_json(stack) for stack in region.stacks],
        "trails": [_trail_as_json(trail) for trail in region.trails],
    }


def _region_from_json(stored: Mapping[str, Any]) -> RegionSurvey:
    return RegionSurvey(
        region=stored["region"],
        outcome=RegionOutcome(stored["outcome"]),
        failure=failure_from_json(stored["failure"]),
        stacks=tuple(_stack_from_json(stack) for stack in stored["stacks"]),
        trails=tuple(_trail_from_json(trail) for trail in stored["trails"]),
    )


def _stack_as_json(stack: Stack) -> Json:
    plain = {name: getattr(stack, name) for name in Stack.__slots__}
    resources = None if stack.resources is None else [asdict(resource) for resource in stack.resources]
    return {
        **plain,
        "tags": dict(stack.tags),
        "parameters": dict(stack.parameters),
        "outputs": dict(stack.outputs),
        "resources": resources,
    }


def _stack_from_json(stored: Mapping[str, Any]) -> Stack:
    resources = stored["resources"]
    return Stack(
        **{
            **stored,
            "tags": _frozen(stored["tags"]),
            "parameters": _frozen(stored["parameters"]),
            "outputs": _frozen(stored["outputs"]),
            "resources": None if resources is None else tuple(StackResource(**each) for each in resources),
        }
    )


def _trail_as_json(trail: Trail) -> Json:
    times = {name: getattr(trail, name) for name in _TIMES_OF_A_TRAIL}
    return {**asdict(trail), **{name: at.isoformat() if at else None for name, at in times.items()}}


def _trail_from_json(stored: Mapping[str, Any]) -> Trail:
    times = {name: stored.get(name) for name in _TIMES_OF_A_TRAIL}
    return Trail(
        **{**stored, **{name: datetime.fromisoformat(at) if at else None for name, at in times.items()}}
    )


def _role_from_json(stored: Mapping[str, Any]) -> Role:
    return Role(
        arn=stored["arn"],
        name=stored["name"],
        trusted_principals=tuple(stored["trusted_principals"]),
        attached_policy_arns=tuple(stored["attached_policy_arns"]),
        inline_policy_names=tuple(stored["inline_policy_names"]),
        instance_profile_names=tuple(stored.get("instance_profile_names", ())),
    )


def _frozen(stored: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(stored)) if stored else NOTHING
