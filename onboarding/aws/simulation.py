"""May these credentials do what the job needs? Asked without doing any of it.

IAM's own simulator says it for every action at once. Where it may not be asked, harmless reads say it for the
reading alone: no write is ever tried. What neither can tell is told as such, and never guessed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from onboarding.aws.errors import AwsFailure, ask, collect
from onboarding.aws.session import GLOBAL_REGION, AwsSession
from onboarding.needs import Need
from onboarding.observed import Failure, Identity
from onboarding.states import FailureKind

_DENIALS = frozenset({FailureKind.DENIED, FailureKind.DENIED_BY_ORGANIZATION})


class Verdict(StrEnum):
    ALLOWED = "allowed"
    CANNOT_TELL = "cannot_tell"
    MISSING = "missing"


class Because(StrEnum):
    """What a missing right is missing from, or why it can't be told."""

    ROLE = "role"
    BOUNDARY = "boundary"
    ORGANIZATION = "organization"
    UNKNOWN_CONDITIONS = "unknown_conditions"
    NOT_SIMULATED = "not_simulated"


@dataclass(frozen=True, slots=True)
class Judged:
    """One action of a need, and whether it may be done."""

    need: Need
    action: str
    verdict: Verdict
    because: Because = Because.ROLE


def principal_arn(session: AwsSession, identity: Identity) -> str:
    """The user or role behind a session, as the simulator wants it; empty where it can't be found out.

    A session's own ARN leaves out the role's path, so that the role has to be read.
    """
    kind, _, name = identity.arn.split(":", 5)[5].partition("/")
    if kind == "user":
        return identity.arn
    if kind != "assumed-role":
        return ""
    try:
        return ask(session.client("iam").get_role, RoleName=name.split("/")[0])["Role"]["Arn"]
    except AwsFailure as refusal:
        if refusal.failure.kind in _DENIALS | {FailureKind.NOT_FOUND}:
            return ""
        raise


def simulate(session: AwsSession, principal: str, needs: Iterable[Need]) -> tuple[Judged, ...]:
    """What the simulator says of each action of each need. Raises AwsFailure where it may not be asked."""
    return tuple(judged for need in needs for judged in _simulate(session, principal, need))


def _simulate(session: AwsSession, principal: str, need: Need) -> Iterable[Judged]:
    worst: dict[str, Judged] = {}
    for context in need.contexts:
        for result in _results(session, principal, need, context):
            judged = _judge(need, result)
            known = worst.get(judged.action)
            if known is None or _ORDER[judged.verdict] > _ORDER[known.verdict]:
                worst[judged.action] = judged
    for action in need.actions:
        yield worst.get(action) or Judged(need, action, Verdict.CANNOT_TELL, Because.NOT_SIMULATED)


_ORDER = {Verdict.ALLOWED: 0, Verdict.CANNOT_TELL: 1, Verdict.MISSING: 2}


def _results(
    session: AwsSession, principal: str, need: Need, context: Mapping[str, str]
) -> list[dict[str, Any]]:
    client = session.client("iam")
    pages = client.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal,
        ActionNames=list(need.actions),
        ResourceArns=list(need.samples),
        ContextEntries=[
            {
                "ContextKeyName": key,
                "ContextKeyValues": [value],
                "ContextKeyType": "stringList" if key in _LISTS else "string",
            }
            for key, value in {"aws:RequestedRegion": _region_of(need), **context}.items()
        ],
    )
    found: list[Any] = [result for page in collect(client, pages) for result in page["EvaluationResults"]]
    return found


_LISTS = frozenset({"aws:CalledVia"})


def _region_of(need: Need) -> str:
    """The region that such a request is sent to: a resource's own, or that of the global services."""
    parts = need.samples[0].split(":")
    return parts[3] if len(parts) > 3 and parts[3] else GLOBAL_REGION


def _judge(need: Need, result: Mapping[str, Any]) -> Judged:
    """One result of the simulator; for several resources it may judge each by itself."""
    action, specific = result["EvalActionName"], result.get("ResourceSpecificResults") or []
    decisions = [each["EvalResourceDecision"] for each in specific] or [result["EvalDecision"]]
    unknown = [*result.get("MissingContextValues", ())]
    unknown += [key for each in specific for key in each.get("MissingContextValues", ())]
    if unknown:
        return Judged(need, action, Verdict.CANNOT_TELL, Because.UNKNOWN_CONDITIONS)
    if all(decision == "allowed" for decision in decisions):
        return Judged(need, action, Verdict.ALLOWED)
    return Judged(need, action, Verdict.MISSING, _cause(result, specific))


def _cause(result: Mapping[str, Any], specific: Sequence[Mapping[str, Any]]) -> Because:
    details = [result, *specific]
    if any(not _passes(each, "OrganizationsDecisionDetail", "AllowedByOrganizations") for each in details):
        return Because.ORGANIZATION
    if any(
        not _passes(each, "PermissionsBoundaryDecisionDetail", "AllowedByPermissionsBoundary")
        for each in details
    ):
        return Because.BOUNDARY
    return Because.ROLE


def _passes(result: Mapping[str, Any], detail: str, flag: str) -> bool:
    return bool((result.get(detail) or {}).get(flag, True))


def read(session: AwsSession, needs: Iterable[Need]) -> tuple[Judged, ...]:
    """What harmless reads tell of each action: of writes nothing, and nothing where a read could not be sent.

    Some ask for things that don't exist: being told so shows that asking is allowed.
    """
    answers: dict[str, tuple[Verdict, Because]] = {}
    found = []
    for need in needs:
        for action in need.actions:
            if action not in answers:
                answers[action] = _read(session, need, action)
            found.append(Judged(need, action, *answers[action]))
    return tuple(found)


def _read(session: AwsSession, need: Need, action: str) -> tuple[Verdict, Because]:
    reading = _READINGS.get(action)
    if reading is None:
        return Verdict.CANNOT_TELL, Because.NOT_SIMULATED
    try:
        reading(session, need.samples[0], _region_of(need))
    except AwsFailure as refusal:
        return _said_by(refusal.failure)
    return Verdict.ALLOWED, Because.ROLE


def _said_by(failure: Failure) -> tuple[Verdict, Because]:
    match failure.kind:
        case FailureKind.DENIED:
            return Verdict.MISSING, Because.BOUNDARY if "boundary" in failure.message else Because.ROLE
        case FailureKind.DENIED_BY_ORGANIZATION:
            return Verdict.MISSING, Because.ORGANIZATION
        case FailureKind.NOT_FOUND:
            return Verdict.ALLOWED, Because.ROLE
        case _:
            return Verdict.CANNOT_TELL, Because.NOT_SIMULATED


Reading = Callable[[AwsSession, str, str], Any]


def _of_stacks(method: str, **more: Any) -> Reading:
    def read_stack(session: AwsSession, stack_id: str, region: str) -> Any:
        client: Any = session.client("cloudformation", region)
        return ask(getattr(client, method), StackName=stack_id, **more)

    return read_stack


def _of_roles(method: str) -> Reading:
    def read_role(session: AwsSession, role_arn: str, _region: str) -> Any:
        client: Any = session.client("iam")
        return ask(getattr(client, method), RoleName=role_arn.rsplit("/", 1)[-1])

    return read_role


def _of_service(service: str, method: str, **parameters: Any) -> Reading:
    def read_service(session: AwsSession, _sample: str, region: str) -> Any:
        of_any_service: Any = session.client
        return ask(getattr(of_any_service(service, region), method), **parameters)

    return read_service


_READINGS: dict[str, Reading] = {
    "account:ListRegions": _of_service("account", "list_regions"),
    "cloudformation:DescribeStackEvents": _of_stacks("describe_stack_events"),
    "cloudformation:DescribeStackResources": _of_service(
        "cloudformation", "describe_stack_resources", PhysicalResourceId="onboarding-pre-flight"
    ),
    "cloudformation:DescribeStacks": _of_stacks("describe_stacks"),
    "cloudformation:GetTemplate": _of_stacks("get_template"),
    "cloudformation:ListStackResources": _of_stacks("list_stack_resources"),
    "cloudformation:ListStacks": _of_service("cloudformation", "list_stacks"),
    "cloudtrail:DescribeTrails": _of_service("cloudtrail", "describe_trails"),
    "cloudtrail:GetTrailStatus": _of_service("cloudtrail", "get_trail_status", Name="onboarding-pre-flight"),
    "ec2:DescribeRegions": _of_service("ec2", "describe_regions"),
    "iam:GetRole": _of_roles("get_role"),
    "iam:ListAccountAliases": _of_service("iam", "list_account_aliases"),
    "iam:ListAttachedRolePolicies": _of_roles("list_attached_role_policies"),
    "iam:ListRolePolicies": _of_roles("list_role_policies"),
    "iam:ListRoles": _of_service("iam", "list_roles", MaxItems=1),
}
