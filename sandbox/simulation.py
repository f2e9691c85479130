"""What does IAM's policy simulator say?

ministack's ignores context, boundaries, all but the first resource, and paging.
"""

import base64
from html import escape
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_evaluator import EvalContext, ParsedStatement
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam
from ministack.services.iam import _error, _p, _xml

from sandbox.events import Record

PAGE = 100
_SUPPLIED_BY_US = (
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principaltype",
    "aws:currenttime",
    "aws:epochtime",
    "aws:userid",
    "aws:username",
    "aws:securetransport",
    "aws:sourceip",
)

Policies = list[list[ParsedStatement]]


def _list(params: Record, name: str) -> list[str]:
    found: list[str] = []
    while value := _p(params, f"{name}.member.{len(found) + 1}"):
        found.append(value)
    return found


def _context_entries(params: Record) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    number = 1
    while key := _p(params, f"ContextEntries.member.{number}.ContextKeyName"):
        values = _list(params, f"ContextEntries.member.{number}.ContextKeyValues")
        entries[key.lower()] = values if len(values) != 1 else values[0]
        number += 1
    return entries


def _missing(policies: Policies, action: str, given: dict[str, Any]) -> list[str]:
    """The condition keys of statements on this action that the request didn't supply."""
    wanted = {
        key
        for statements in policies
        for statement in statements
        if iam_evaluator._action_matches(action, statement.actions, statement.not_actions)
        for block in statement.conditions.values()
        if isinstance(block, dict)
        for key in block
    }
    return sorted(k for k in wanted if k.lower() not in given and k.lower() not in _SUPPLIED_BY_US)


def _result(
    action: str,
    resource: str,
    principal_arn: str,
    policies: Policies,
    limits: list[Policies],
    given: dict[str, Any],
) -> str:
    context = EvalContext(
        principal_arn=principal_arn,
        principal_type="User",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=str(given.get("aws:requestedregion", get_region())),
        service_context=given,
    )
    decision = {"Allow": "allowed", "Deny": "explicitDeny"}.get(
        iam_evaluator.evaluate(context, policies, *limits).decision, "implicitDeny"
    )
    missing = "".join(f"<member>{escape(key)}</member>" for key in _missing(policies, action, given))
    boundary = ""
    if limits:
        allowed = iam_evaluator.evaluate(context, limits[0]).decision == "Allow"
        boundary = (
            "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>"
            f"{str(allowed).lower()}</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>"
        )
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName><EvalDecision>{decision}</EvalDecision>"
        f"<MatchedStatements></MatchedStatements><MissingContextValues>{missing}</MissingContextValues>"
        f"{boundary}</member>"
    )


def _answer(
    params: Record, operation: str, principal_arn: str, policies: Policies, limits: list[Policies]
) -> Any:
    given = _context_entries(params)
    pairs = [
        (action, resource)
        for action in _list(params, "ActionNames")
        for resource in _list(params, "ResourceArns") or ["*"]
    ]
    size = min(int(_p(params, "MaxItems") or PAGE), PAGE)
    start = int(base64.urlsafe_b64decode(_p(params, "Marker") or "MA==").decode())
    results = "".join(
        _result(action, resource, principal_arn, policies, limits, given)
        for action, resource in pairs[start : start + size]
    )
    more = start + size < len(pairs)
    marker = (
        f"<Marker>{base64.urlsafe_b64encode(str(start + size).encode()).decode()}</Marker>" if more else ""
    )
    return _xml(
        200,
        f"{operation}Response",
        f"<{operation}Result><EvaluationResults>{results}</EvaluationResults>"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{marker}</{operation}Result>",
        ns="iam",
    )


def _simulate_principal(params: Record) -> Any:
    arn = _p(params, "PolicySourceArn")
    account, kind, name = get_account_id(), "", arn.rsplit("/", 1)[-1]
    if arn.startswith(f"arn:aws:iam::{account}:"):
        kind = arn.split(":")[5].split("/")[0]
    if kind not in ("user", "role"):
        return _error(
            400,
            "InvalidInput",
            f"Invalid Entity Arn: {arn} does not clearly define entity type and name.",
            ns="iam",
        )
    store = iam._users if kind == "user" else iam._roles
    if name not in store:
        return _error(404, "NoSuchEntity", f"The {kind} with name {name} cannot be found.", ns="iam")
    policies = (
        iam_evaluator._gather_user_policies if kind == "user" else iam_evaluator._gather_role_policies
    )(name, account)
    return _answer(
        params,
        "SimulatePrincipalPolicy",
        arn,
        policies + _extra(params),
        iam_evaluator._permissions_boundary(store, name, account),
    )


def _extra(params: Record) -> Policies:
    return [iam_evaluator.parse_policy_document(text) for text in _list(params, "PolicyInputList")]


def _simulate_custom(params: Record) -> Any:
    return _answer(
        params, "SimulateCustomPolicy", f"arn:aws:iam::{get_account_id()}:root", _extra(params), []
    )


def _asked_about(original: Any) -> Any:
    """To simulate is a right on the user or role that is asked about; ministack wants it on everything.

    And to change an instance profile is one on that profile, even where the request names a role as well.
    """

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Record, body: bytes, query_params: Record, *place: str
    ) -> Any:
        arn = _p(query_params, "PolicySourceArn") if service == "iam" else ""
        if not arn and service == "iam" and (profile := _p(query_params, "InstanceProfileName")):
            arn = f"arn:aws:iam::{place[-1]}:instance-profile/{profile}"
        return arn or original(service, method, path, headers, body, query_params, *place)

    return extract_resource_arn


def install() -> None:
    """Replace the two entries in ministack's table of IAM actions, and name the resource of such requests.

    ministack looks `extract_resource_arn` up in its module at each request.
    """
    iam_actions.extract_resource_arn = _asked_about(iam_actions.extract_resource_arn)
    table = next(
        value
        for value in vars(iam).values()
        if isinstance(value, dict) and "SimulatePrincipalPolicy" in value
    )
    table["SimulatePrincipalPolicy"] = _simulate_principal
    table["SimulateCustomPolicy"] = _simulate_custom
