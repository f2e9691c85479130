"""May whoever made the stack do what the stack does?

CloudFormation acts with its caller's rights, or those of the stack's service role. Before a resource is
created, changed or removed, every call that this brings about is checked as at AWS, with
`aws:CalledVia`; a refused one fails the resource in AWS's words.
"""

from typing import Any
from urllib.parse import parse_qs

from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners
from ministack.services.cloudformation.helpers import _error

from sandbox import callers, faults, needs
from sandbox.events import Record

_CODES = {
    "AccessDenied": ("AccessDenied", 403),
    "InvalidClientTokenId": ("InvalidRequest", 403),
    "ExpiredToken": ("InvalidRequest", 403),
}


def check(deed: needs.Deed, resource: needs.Resource) -> None:
    """ValueError, with the sentence for the resource's event, when a call is refused."""
    role_arn = (cloudformation._stacks.get(resource.stack_name) or {}).get("RoleARN")
    if role_arn:
        callers.acting_as(role_arn)
    for need in needs.of(deed, resource):
        _refuse_on_demand(need.action)
        try:
            callers.require(need.action, need.resource, **need.keys)
        except callers.Refused as refused:
            code, status = _CODES[refused.code]
            raise ValueError(
                callers.from_handler(
                    str(refused), refused.service or need.action.partition(":")[0], status, code
                )
            ) from None


def _refuse_on_demand(action: str) -> None:
    """A fault without a code is what CloudFormation itself says, word for word."""
    fault = faults.next_in_stack("refuse", action)
    if fault is None:
        return
    service = action.partition(":")[0]
    worded = callers.from_handler(fault.message, service, fault.status, fault.code)
    raise ValueError(worded if fault.code else fault.message)


def _checked_create(original: Any) -> Any:
    def create(resource_type: str, logical_id: str, props: Record, stack_name: str) -> Any:
        check("create", needs.Resource(resource_type, logical_id, stack_name, "", props))
        return original(resource_type, logical_id, props, stack_name)

    return create


def _checked_update(original: Any) -> Any:
    def update(
        resource_type: str,
        physical_id: str,
        old_props: Record,
        new_props: Record,
        stack_name: str,
        logical_id: str | None = None,
        old_attrs: Record | None = None,
    ) -> Any:
        if old_props != new_props:
            resource = needs.Resource(
                resource_type, logical_id or "", stack_name, physical_id, new_props, old_props
            )
            # A replacement creates anew under another name.
            if provisioners._replacing_change(resource_type, old_props, new_props):
                check("create", needs.Resource(resource_type, logical_id or "", stack_name, "", new_props))
            else:
                check("update", resource)
        return original(resource_type, physical_id, old_props, new_props, stack_name, logical_id, old_attrs)

    return update


def _checked_delete(original: Any) -> Any:
    def delete(
        resource_type: str,
        physical_id: str,
        props: Record,
        stack_name: str | None = None,
        logical_id: str | None = None,
    ) -> Any:
        check("delete", needs.Resource(resource_type, logical_id or "", stack_name or "", physical_id, props))
        return original(resource_type, physical_id, props, stack_name, logical_id)

    return delete


def _tags_refused(named: Record) -> str:
    """Why the caller may not put tags on this stack; empty when they may, or put none."""
    if named.get("Action") not in {"CreateStack", "UpdateStack"} or "Tags.member.1.Key" not in named:
        return ""
    name = str(named.get("StackName", ""))
    place = f"arn:aws:cloudformation:{get_region()}:{get_account_id()}"
    arn = name if name.startswith("arn:") else f"{place}:stack/{name}/*"
    try:
        callers.require("cloudformation:TagResource", arn)
    except callers.Refused as refused:
        return str(refused)
    return ""


def _remembering(original: Any) -> Any:
    async def handle_request(
        method: str, path: str, headers: Record, body: bytes, query_params: Record
    ) -> Any:
        callers.remember(extract_access_key_id(headers, query_params) or "")
        asked = {**query_params, **parse_qs(body.decode("utf-8", "replace"))}
        named = {name: values[0] if isinstance(values, list) else values for name, values in asked.items()}
        if refused := _tags_refused(named):
            return _error("AccessDenied", refused, 403)
        return await original(method, path, headers, body, query_params)

    return handle_request


def install() -> None:
    """Wrap the three doors to ministack's resource handlers, and the one through which requests come in.

    The tasks that a request starts inherit what it remembered.
    """
    provisioners._provision_resource = _checked_create(provisioners._provision_resource)
    provisioners._update_resource = _checked_update(provisioners._update_resource)
    provisioners._delete_resource = _checked_delete(provisioners._delete_resource)
    cloudformation.handle_request = _remembering(cloudformation.handle_request)
