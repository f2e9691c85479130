"""Under which conditions does a request count as allowed, and which kind of policy refuses it?

On top of ministack: the condition keys that a CloudFormation request carries, MFA, and refusals that say
which kind of policy was missing, as AWS's do. What sessions there are is `sandbox.credentials`' business.
"""

import contextvars
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import sts

from sandbox import callers
from sandbox.events import Record


def _with_multi_factor(original: Any) -> Any:
    def principal_keys(credential: Any) -> dict[str, Any]:
        keys: dict[str, Any] = original(credential)
        if (sts._sessions.get(credential.access_key_id) or {}).get("MultiFactor"):
            keys["aws:multifactorauthpresent"] = "true"
        return keys

    return principal_keys


_reason: contextvars.ContextVar[tuple[str, str, str]] = contextvars.ContextVar("reason", default=("", "", ""))
"""Action, resource and why, of the last refusal in this request."""


def _enforced(original: Any) -> Any:
    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        result = original(
            access_key_id,
            iam_action,
            service,
            region,
            resource_arn=resource_arn,
            service_context=service_context,
        )
        if result is not None and not isinstance(result, iam_evaluator.AuthError):
            _explain(access_key_id, iam_action, resource_arn, region, service_context)
        return result

    return enforce


def _explain(access_key: str, action: str, resource: str, region: str, keys: dict[str, Any] | None) -> None:
    principal = iam_evaluator.resolve_principal(access_key, get_account_id())
    if isinstance(principal, iam_evaluator.AuthError) or principal.policies is None:
        return
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=region,
        service_context={k.lower(): v for k, v in (keys or {}).items()},
        principal_keys=principal.keys,
    )
    limits = callers.labelled_limits(access_key, principal)
    _reason.set((action, resource, callers.why_denied(context, principal.policies, limits)))


def _explained(original: Any) -> Any:
    def access_denied_response(
        service: str, action: str, principal_arn: str, request_id: str, **keywords: Any
    ) -> Any:
        refused, resource, reason = _reason.get()
        if (
            refused == action
            and reason
            and not keywords.get("message")
            and not keywords.get("error_code")
            and not keywords.get("resource_policy_arn")
        ):
            on_resource = "" if service == "ec2" else f" on resource: {resource}"
            keywords["message"] = (
                f"User: {principal_arn} is not authorized to perform: {action}{on_resource} {reason}"
            )
        return original(service, action, principal_arn, request_id, **keywords)

    return access_denied_response


def _template_keys(original: Any) -> Any:
    """The condition keys that a CloudFormation request carries."""

    def request_tag_context(service: str, iam_action: str, body: bytes, params: Record) -> dict[str, Any]:
        keys: dict[str, Any] = original(service, iam_action, body, params)
        if service == "cloudformation":
            form = {**params, **parse_qs(body.decode("utf-8", errors="replace"))}
            for parameter, key in (
                ("TemplateURL", "cloudformation:TemplateUrl"),
                ("RoleARN", "cloudformation:RoleArn"),
                ("StackPolicyURL", "cloudformation:StackPolicyUrl"),
                ("ChangeSetName", "cloudformation:ChangeSetName"),
            ):
                value = sts._p(form, parameter)
                if value:
                    keys[key] = value
        return keys

    return request_tag_context


def install() -> None:
    """Wrap the evaluator's functions, which ministack looks up anew for each request."""
    keys = _with_multi_factor(iam_evaluator._principal_keys)
    iam_evaluator._principal_keys = keys
    sts._principal_keys = keys
    iam_evaluator.enforce = _enforced(iam_evaluator.enforce)
    iam_actions.access_denied_response = _explained(iam_actions.access_denied_response)
    iam_actions.request_tag_context = _template_keys(iam_actions.request_tag_context)
