"""Which sessions does STS hand out, and what are they good for?

On top of ministack: the longest duration of a role, role chaining, MFA, sessions that can't call IAM, and
refusals that say which kind of policy was missing, as AWS's do.
"""

import contextvars
import re
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import iam, sts

from sandbox import callers
from sandbox.events import Record

SHORTEST, LONGEST, LONGEST_CHAINED = 900, 43_200, 3_600


def _refusal(code: str, message: str, status: int = 400) -> Any:
    return sts._error(status, code, message, ns="sts")


def _duration_refusal(parameters: Record, caller_session: Record | None) -> Any:
    stated = sts._p(parameters, "DurationSeconds") or "3600"
    if not stated.isdigit() or not SHORTEST <= int(stated) <= LONGEST:
        bound = ("greater than or equal to 900" if not stated.isdigit() or int(stated) < SHORTEST
                 else "less than or equal to 43200")
        return _refusal("ValidationError", f"1 validation error detected: Value '{stated}' at 'durationSeconds' failed "
                        f"to satisfy constraint: Member must have value {bound}")
    seconds, role_arn = int(stated), sts._p(parameters, "RoleArn")
    if caller_session and caller_session.get("PrincipalType") == "AssumedRole" and seconds > LONGEST_CHAINED:
        return _refusal("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles "
                        "assumed by role chaining")
    if role_arn.count(":") >= 5:
        role = iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rsplit("/", 1)[-1])
        if role and seconds > int(role.get("MaxSessionDuration") or 3600):
            return _refusal("ValidationError",
                            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return None


def _before(action: str, access_key: str, parameters: Record) -> Any:
    """A refusal that comes before ministack's own."""
    session = sts._sessions.get(access_key)
    if action == "AssumeRole":
        if iam_evaluator.is_root_access_key(access_key) or (session or {}).get("PrincipalType") == "Root":
            return _refusal("AccessDenied", "Roles may not be assumed by root accounts.", 403)
        return _duration_refusal(parameters, session)
    code = sts._p(parameters, "TokenCode")
    if action == "GetSessionToken" and code and not re.fullmatch(r"\d{6}", code):
        return _refusal("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ", 403)
    return None


def _strict(original: Any) -> Any:
    async def handle_request(method: str, path: str, headers: Record, body: bytes, query_params: Record) -> Any:
        parameters = {**query_params, **parse_qs(body.decode("utf-8", errors="replace"))}
        action = sts._p(parameters, "Action")
        access_key = extract_access_key_id(headers, query_params) or ""
        refusal = _before(action, access_key, parameters)
        if refusal is not None:
            return refusal
        answer = await original(method, path, headers, body, query_params)
        given = re.search(rb"<AccessKeyId>(\w+)</AccessKeyId>", answer[2]) if answer[0] == 200 else None
        if given and action in ("GetSessionToken", "AssumeRole") and sts._p(parameters, "SerialNumber") and sts._p(
                parameters, "TokenCode"):
            sts._sessions[given[1].decode()]["MultiFactor"] = True
        return answer

    return handle_request


def _with_multi_factor(original: Any) -> Any:
    def principal_keys(credential: Any) -> dict[str, Any]:
        keys: dict[str, Any] = original(credential)
        if (sts._sessions.get(credential.access_key_id) or {}).get("MultiFactor"):
            keys["aws:multifactorauthpresent"] = "true"
        return keys

    return principal_keys


# Sessions of GetSessionToken and GetFederationToken reach little of STS, whatever their policies say.
_STS_OF_USER_SESSIONS = frozenset({"sts:AssumeRole", "sts:GetCallerIdentity"})

_reason: contextvars.ContextVar[tuple[str, str, str]] = contextvars.ContextVar("reason", default=("", "", ""))
"""Action, resource and why, of the last refusal in this request."""


def _enforced(original: Any) -> Any:
    def enforce(access_key_id: str, iam_action: str, service: str, region: str, resource_arn: str = "*",
                service_context: dict[str, Any] | None = None) -> Any:
        known = sts._sessions.get(access_key_id)
        result = original(access_key_id, iam_action, service, region, resource_arn=resource_arn,
                          service_context=service_context)
        if isinstance(result, iam_evaluator.AuthError):
            return result
        if known is not None and service == "iam" and not callers.may_call_iam(access_key_id):
            return iam_evaluator.AuthError("InvalidClientTokenId", callers.INVALID_TOKEN)
        kind = (known or {}).get("PrincipalType")
        allowed = _STS_OF_USER_SESSIONS if kind == "User" else {"sts:GetCallerIdentity"}
        if service == "sts" and kind in ("User", "FederatedUser") and iam_action not in allowed:
            return iam_evaluator.EvalResult("ImplicitDeny", str((known or {}).get("Arn", "")))
        if result is not None:
            _explain(access_key_id, iam_action, resource_arn, region, service_context)
        return result

    return enforce


def _explain(access_key: str, action: str, resource: str, region: str, keys: dict[str, Any] | None) -> None:
    principal = iam_evaluator.resolve_principal(access_key, get_account_id())
    if isinstance(principal, iam_evaluator.AuthError) or principal.policies is None:
        return
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn, principal_type=principal.type, principal_account=principal.account,
        action=action, resource_arn=resource, region=region,
        service_context={k.lower(): v for k, v in (keys or {}).items()}, principal_keys=principal.keys)
    limits = callers.labelled_limits(access_key, principal)
    _reason.set((action, resource, callers.why_denied(context, principal.policies, limits)))


def _explained(original: Any) -> Any:
    def access_denied_response(service: str, action: str, principal_arn: str, request_id: str,
                               **keywords: Any) -> Any:
        refused, resource, reason = _reason.get()
        if (refused == action and reason and not keywords.get("message") and not keywords.get("error_code")
                and not keywords.get("resource_policy_arn")):
            keywords["message"] = (f"User: {principal_arn} is not authorized to perform: {action} on resource: "
                                   f"{resource} {reason}")
        return original(service, action, principal_arn, request_id, **keywords)

    return access_denied_response


def _in_region(original: Any) -> Any:
    """`aws:RequestedRegion` of a global service is where it lives, whatever region the caller's session names."""

    def resolve(key: str, context: Any) -> Any:
        if key.lower() == "aws:requestedregion" and not context.region:
            return get_region()
        return original(key, context)

    return resolve


def _template_keys(original: Any) -> Any:
    """The condition keys that a CloudFormation request carries."""

    def request_tag_context(service: str, iam_action: str, body: bytes, params: Record) -> dict[str, Any]:
        keys: dict[str, Any] = original(service, iam_action, body, params)
        if service == "cloudformation":
            form = {**params, **parse_qs(body.decode("utf-8", errors="replace"))}
            for parameter, key in (("TemplateURL", "cloudformation:TemplateUrl"),
                                   ("RoleARN", "cloudformation:RoleArn"),
                                   ("StackPolicyURL", "cloudformation:StackPolicyUrl"),
                                   ("ChangeSetName", "cloudformation:ChangeSetName")):
                value = sts._p(form, parameter)
                if value:
                    keys[key] = value
        return keys

    return request_tag_context


def install() -> None:
    """Wrap STS's handler and the evaluator's functions, which ministack looks up anew for each request."""
    sts.handle_request = _strict(sts.handle_request)
    keys = _with_multi_factor(iam_evaluator._principal_keys)
    iam_evaluator._principal_keys = keys
    sts._principal_keys = keys
    iam_evaluator.enforce = _enforced(iam_evaluator.enforce)
    iam_evaluator._resolve_condition_key = _in_region(iam_evaluator._resolve_condition_key)
    iam_actions.access_denied_response = _explained(iam_actions.access_denied_response)
    iam_actions.request_tag_context = _template_keys(iam_actions.request_tag_context)
