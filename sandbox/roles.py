"""How are the IAM roles of a stack made and removed, where IAM itself would say no?

ministack writes its own records without asking; here the same refusals apply as when IAM is called.
"""

import html
import json
import re
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

from sandbox import callers
from sandbox.events import Record

_CODES = {
    "EntityAlreadyExists": ("AlreadyExists", 409),
    "NoSuchEntity": ("NotFound", 404),
    "DeleteConflict": ("ResourceConflict", 409),
    "MalformedPolicyDocument": ("InvalidRequest", 400),
    "LimitExceeded": ("ServiceLimitExceeded", 409),
}

ROLES_PER_ACCOUNT = 1000


def _refuse(code: str, message: str) -> None:
    handler_code, status = _CODES[code]
    raise ValueError(callers.from_handler(message, "iam", status, handler_code))


def _check_attachments(properties: Record) -> None:
    for policy_arn in properties.get("ManagedPolicyArns") or []:
        if not iam.policy_known(policy_arn):
            _refuse("NoSuchEntity", f"Policy {policy_arn} does not exist or is not attachable.")


def _check_trust(properties: Record) -> None:
    """Principals of a trust policy that name a role or user have to exist, in whichever account."""
    document = properties.get("AssumeRolePolicyDocument") or {}
    if isinstance(document, str):
        document = json.loads(document)
    statements = document.get("Statement") or []
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        named = principal.get("AWS") if isinstance(principal, dict) else []
        for arn in [named] if isinstance(named, str) else named or []:
            if not _exists(str(arn)):
                _refuse("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{arn}"')


def _exists(arn: str) -> bool:
    """Whether IAM accepts this principal: any account, and roles and users that exist."""
    found = re.fullmatch(r"arn:aws:iam::(\d{12}):(role|user)/(?:.*/)?([\w+=,.@-]+)", arn)
    if found is None:
        return arn == "*" or bool(re.fullmatch(r"\d{12}|arn:aws:(iam|sts)::\d{12}:.+", arn))
    store = iam._roles if found[2] == "role" else iam._users
    return store.get_scoped(found[1], None, found[3]) is not None


def _create(original: Any) -> Any:
    def create(logical_id: str, props: Record, stack_name: str) -> Any:
        name = props.get("RoleName") or provisioners._physical_name(stack_name, logical_id, max_len=64)
        if name in iam._roles:
            _refuse("EntityAlreadyExists", f"Role with name {name} already exists.")
        if len(iam._roles) >= ROLES_PER_ACCOUNT:
            _refuse("LimitExceeded", f"Cannot exceed quota for RolesPerAccount: {ROLES_PER_ACCOUNT}")
        _check_attachments(props)
        _check_trust(props)
        physical_id, attributes = original(logical_id, props, stack_name)
        iam._roles[physical_id]["PermissionsBoundary"] = props.get("PermissionsBoundary", "")
        return physical_id, attributes

    return create


def _update(original: Any) -> Any:
    def update(physical_id: str, old_props: Record, new_props: Record, *rest: Any) -> Any:
        if physical_id not in iam._roles:
            _refuse("NoSuchEntity", f"The role with name {physical_id} cannot be found.")
        _check_attachments(new_props)
        _check_trust(new_props)
        result = original(physical_id, old_props, new_props, *rest)
        iam._roles[result[0]]["PermissionsBoundary"] = new_props.get("PermissionsBoundary", "")
        return result

    return update


def _delete(physical_id: str, props: Record) -> None:
    """Remove what the template put on the role, then ask IAM, which refuses while anything is left."""
    role = iam._roles.get(physical_id)
    if role is None:
        return
    theirs = _foreign(physical_id, role, props)
    if theirs:
        _refuse("DeleteConflict", theirs)
    for policy_arn in list(role.get("AttachedPolicies") or []):
        iam.detach_managed_policy(role, policy_arn)
    role["InlinePolicies"] = {}
    status, _, answer = iam._delete_role({"RoleName": [physical_id]})
    if status >= 400:
        found = re.search(r"<Message>(.*?)</Message>", answer.decode(), re.DOTALL)
        _refuse("DeleteConflict", html.unescape(found[1]) if found else "Cannot delete entity.")


def _foreign(name: str, role: Record, props: Record) -> str:
    """IAM's sentence about what somebody else put on the role; empty when there is nothing."""
    if set(role.get("AttachedPolicies") or []) - set(props.get("ManagedPolicyArns") or []):
        return "Cannot delete entity, must detach all policies first."
    if set(role.get("InlinePolicies") or {}) - {p.get("PolicyName") for p in props.get("Policies") or []}:
        return "Cannot delete entity, must delete policies first."
    if any(name in (profile.get("Roles") or []) for profile in iam._instance_profiles.values()):
        return "Cannot delete entity, must remove roles from instance profile first."
    return ""


def install() -> None:
    """Wrap the entries of ministack's table of resource handlers."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    handler["create"] = _create(handler["create"])
    handler["update"] = _update(handler["update"])
    handler["delete"] = _delete
