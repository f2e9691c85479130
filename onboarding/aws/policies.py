"""Does a policy allow one particular request, and how is an account added to it?

Pure. It judges as far as our requests go: CloudTrail delivering for a trail, a role reading an object. What
it doesn't understand never counts as an allowance.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]
Statement = Mapping[str, Any]

# Whether an account is in an organization, the storage account can't tell: the company's own condition on its
# organization is believed where it allows, and never taken as a denial.
_ORGANIZATION_KEYS = frozenset({"aws:sourceorgid", "aws:sourceorgpaths"})

# Where an account stands in a condition: of a service that acts for it, and of somebody who is in it.
_SOURCE_ACCOUNT, _PRINCIPAL_ACCOUNT = "aws:SourceAccount", "aws:PrincipalAccount"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to be judged: of an AWS service, or of somebody in an account.

    `service` is the former's name, `account` the latter's number; both are empty in a role's own policy.
    """

    action: str
    resource: str
    service: str = ""
    # By lower-case key.
    context: Mapping[str, str] = field(default_factory=dict)
    account: str = ""


def refusal(policy: Policy, requests: Iterable[Request]) -> str:
    """Why `policy` does not allow all of the requests; empty when it does."""
    statements = as_list(policy.get("Statement"))
    for request in requests:
        denying = [each for each in statements if _applies(each, request, effect="Deny")]
        if denying:
            return f"{request.action} is denied by statement {denying[0].get('Sid', 'without a Sid')}"
        if not any(_applies(each, request, effect="Allow") for each in statements):
            return f"{request.action} on {request.resource} is not allowed"
    return ""


def with_account(policy: Policy, additions: Sequence[Statement], account: str) -> dict[str, Any]:
    """The policy with `account` among those that each of `additions` is for, known by their Sids.

    Every other statement is kept as it is, and in its place.
    """
    statements = as_list(policy.get("Statement"))
    for addition in additions:
        place = next((i for i, each in enumerate(statements) if _is_ours(each, addition)), None)
        if place is None:
            taken = {each.get("Sid") for each in statements}
            sid = addition["Sid"] if addition["Sid"] not in taken else f"{addition['Sid']}2"
            statements.append({**_for_accounts(addition, [account]), "Sid": sid})
        else:
            known = _accounts_of(statements[place])
            statements[place] = _for_accounts(statements[place], sorted({*known, account}))
    return {"Version": "2012-10-17", **policy, "Statement": statements}


def _is_ours(statement: Statement, addition: Statement) -> bool:
    """By Sid and content: somebody may have given another statement our Sid, and it must stay as it is."""
    if not str(statement.get("Sid", "")).startswith(addition["Sid"]):
        return False
    same_sid = {**statement, "Sid": addition["Sid"]}
    return bool(_for_accounts(same_sid, []) == _for_accounts(addition, []))


def _accounts_of(statement: Statement) -> list[str]:
    accounts = as_list(statement["Condition"]["StringEquals"].get(_account_key(statement)))
    return [str(account) for account in accounts]


def _account_key(statement: Statement) -> str:
    return _SOURCE_ACCOUNT if _services(statement.get("Principal")) else _PRINCIPAL_ACCOUNT


def _for_accounts(statement: Statement, accounts: list[str]) -> dict[str, Any]:
    condition = statement.get("Condition") or {}
    equals = {**(condition.get("StringEquals") or {}), _account_key(statement): accounts}
    return {**statement, "Condition": {**condition, "StringEquals": equals}}


def _applies(statement: Statement, request: Request, *, effect: str) -> bool:
    return (
        statement.get("Effect") == effect
        and _concerns_principal(statement, request)
        and _concerns(statement, "Action", request.action, ignore_case=True)
        and _concerns(statement, "Resource", request.resource)
        and all(
            _holds(operator, key, as_list(values), request.context, is_allowance=effect == "Allow")
            for operator, keys in (statement.get("Condition") or {}).items()
            for key, values in keys.items()
        )
    )


def _concerns_principal(statement: Statement, request: Request) -> bool:
    if not request.service and not request.account:
        return True
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], request)
    principal = statement.get("Principal")
    return principal == "*" or _names(principal, request) or _anybody(principal)


def _names(principal: Any, request: Request) -> bool:
    if request.service:
        return request.service in _services(principal)
    named = as_list(principal.get("AWS")) if isinstance(principal, Mapping) else []
    return request.account in named or f"arn:aws:iam::{request.account}:root" in named


def _services(principal: Any) -> list[Any]:
    return as_list(principal.get("Service")) if isinstance(principal, Mapping) else []


def _anybody(principal: Any) -> bool:
    return isinstance(principal, Mapping) and "*" in as_list(principal.get("AWS"))


def _concerns(statement: Statement, element: str, value: str, *, ignore_case: bool = False) -> bool:
    if f"Not{element}" in statement:
        excepted = as_list(statement[f"Not{element}"])
        return not any(_is_like(value, pattern, ignore_case=ignore_case) for pattern in excepted)
    return any(
        _is_like(value, pattern, ignore_case=ignore_case) for pattern in as_list(statement.get(element))
    )


def _holds(
    operator: str, key: str, wanted: list[Any], context: Mapping[str, str], *, is_allowance: bool
) -> bool:
    """Whether one condition holds for the request."""
    key, operator = key.lower(), operator.lower().split(":")[-1]
    if key in _ORGANIZATION_KEYS:
        return is_allowance
    value = context.get(key)
    if operator == "null":
        return (value is None) == (str(wanted[0]).lower() == "true")
    may_be_absent, operator = operator.endswith("ifexists"), operator.removesuffix("ifexists")
    is_negated, operator = "not" in operator, operator.replace("not", "")
    if operator not in _COMPARISONS:
        return False
    if value is None:
        # So AWS has it: a key that isn't there is unequal to everything.
        return may_be_absent or is_negated
    return is_negated != any(_COMPARISONS[operator](value, str(each)) for each in wanted)


def _is_like(value: str, pattern: str, *, ignore_case: bool = False) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.fullmatch(expression, value, flags) is not None


def _is_same(value: str, wanted: str) -> bool:
    return value == wanted


def _is_same_ignoring_case(value: str, wanted: str) -> bool:
    return value.lower() == wanted.lower()


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "arnequals": _is_like,
    "arnlike": _is_like,
    "bool": _is_same_ignoring_case,
    "stringequals": _is_same,
    "stringequalsignorecase": _is_same_ignoring_case,
    "stringlike": _is_like,
}


def as_list(value: Any) -> list[Any]:
    """In a policy, one value may stand for a list of one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
