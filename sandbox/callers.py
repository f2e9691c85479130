"""Who asked for what CloudFormation is doing, and in what words is a caller refused?

The caller's credentials are remembered when the request arrives; what happens later in the stack happens
with the rights that they have then, as at AWS. A stack with a service role acts as that role instead.
"""

import contextvars
import time
import uuid
from dataclasses import dataclass, replace
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import sts

from sandbox import credentials

CALLED_VIA = "cloudformation.amazonaws.com"
INVALID_TOKEN = "The security token included in the request is invalid."
EXPIRED_TOKEN = "The security token included in the request is expired"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose rights count."""

    access_key: str
    expires: float | None = None
    service_role_arn: str = ""


CALLER: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("caller", default=None)
"""None: the stand-in itself, which may do anything (seeding)."""


class Refused(ValueError):
    """The caller may not do this; `service` is the one that refused."""

    def __init__(self, message: str, service: str, code: str = "AccessDenied") -> None:
        super().__init__(message)
        self.service = service
        self.code = code


def remember(access_key: str) -> Caller:
    """Note who sent the request that is being served."""
    session = sts._sessions.get(access_key) or {}
    caller = Caller(access_key, session.get("Expiration"))
    CALLER.set(caller)
    return caller


def _principal(caller: Caller) -> iam_evaluator.PrincipalInfo:
    if caller.service_role_arn:
        account, name = caller.service_role_arn.split(":")[4], caller.service_role_arn.rsplit("/", 1)[-1]
        from ministack.services import iam

        return iam_evaluator.PrincipalInfo(
            arn=f"arn:aws:sts::{account}:assumed-role/{name}/AWSCloudFormation",
            type="AssumedRole",
            account=account,
            policies=iam_evaluator._gather_role_policies(name, account),
            limits=iam_evaluator._permissions_boundary(iam._roles, name, account),
        )
    if caller.expires is not None and time.time() > caller.expires:
        raise Refused(EXPIRED_TOKEN, "", "ExpiredToken")
    principal = iam_evaluator.resolve_principal(caller.access_key, get_account_id())
    if isinstance(principal, iam_evaluator.AuthError):
        raise Refused(INVALID_TOKEN, "", "InvalidClientTokenId")
    return principal


def labelled_limits(access_key: str, principal: iam_evaluator.PrincipalInfo) -> list[tuple[str, Any]]:
    """What narrows the rights of this key's owner, with AWS's word for it; a boundary comes first."""
    has_session_policy = (sts._sessions.get(access_key) or {}).get("SessionPolicies") is not None
    words = ["permissions boundary", "session policy"]
    if len(principal.limits) == 1:
        words = ["session policy" if has_session_policy else "permissions boundary"]
    return list(zip(words, principal.limits, strict=False))


def why_denied(context: iam_evaluator.EvalContext, policies: Any, limits: list[tuple[str, Any]]) -> str:
    """The second half of AWS's sentence for this decision; empty when it is allowed."""
    layers = [("identity-based policy", policies), *limits]
    for word, layer in layers:
        if iam_evaluator.evaluate(context, layer).decision == "Deny":
            return f"with an explicit deny in {'an' if word[0] == 'i' else 'a'} {word}"
    for word, layer in layers:
        if iam_evaluator.evaluate(context, layer).decision != "Allow":
            return f"because no {word} allows the {context.action} action"
    return ""


def require(action: str, resource: str, **keys: Any) -> None:
    """Refused, in AWS's words, unless the caller may do this through CloudFormation.

    `keys` are condition keys with `__` for the colon.
    """
    caller = CALLER.get()
    if caller is None:
        return
    service = action.partition(":")[0]
    if service == "iam" and not caller.service_role_arn and not credentials.may_use_iam(caller.access_key):
        raise Refused(INVALID_TOKEN, service, "InvalidClientTokenId")
    principal = _principal(caller)
    if principal.policies is None:
        return
    condition_keys = {name.replace("__", ":").lower(): value for name, value in keys.items()}
    if not caller.service_role_arn:
        condition_keys |= {
            "aws:calledvia": [CALLED_VIA],
            "aws:calledviafirst": CALLED_VIA,
            "aws:calledvialast": CALLED_VIA,
            "aws:viaawsservice": "false",
        }
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region="us-east-1" if service == "iam" else get_region(),
        service_context=condition_keys,
        principal_keys=principal.keys,
    )
    key = "" if caller.service_role_arn else caller.access_key
    reason = why_denied(context, principal.policies, labelled_limits(key, principal))
    if reason:
        raise Refused(
            f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} {reason}",
            service,
        )


def acting_as(role_arn: str) -> None:
    """From here on, in this task, the stack's service role acts."""
    caller = CALLER.get()
    if caller is not None:
        CALLER.set(replace(caller, service_role_arn=role_arn))


def from_handler(message: str, service: str, status: int, code: str) -> str:
    """The sentence in which a resource's event wraps what its service answered."""
    return (
        f'Resource handler returned message: "{message} (Service: {service.capitalize()}, '
        f'Status Code: {status}, Request ID: {uuid.uuid4()})" (RequestToken: {uuid.uuid4()}, '
        f"HandlerErrorCode: {code})"
    )
