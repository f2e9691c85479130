"""How does a stack live inside another one?

A nested stack is a stack like any other, with a parent: made and changed by the same operations, on the
server's loop, while the parent's thread waits for it.
"""

import asyncio
import contextvars
import copy
from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid, now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import engine, handlers, helpers, provisioners
from ministack.services.cloudformation import stacks as ministack_stacks

from sandbox import events, names
from sandbox.events import Record

_LOOP: contextvars.ContextVar[asyncio.AbstractEventLoop] = contextvars.ContextVar("loop")
"""The server's event loop: whatever a request starts inherits it."""


def _on_the_loop(coroutine: Any) -> None:
    """Run it on the server's event loop, in this thread's context, and wait for it."""
    asyncio.run_coroutine_threadsafe(coroutine, _LOOP.get()).result()


def _template(properties: Record) -> tuple[str, Record]:
    body, refusal = helpers._resolve_template({"TemplateURL": [properties.get("TemplateURL", "")]})
    if refusal is not None or not body:
        raise ValueError("S3 error: Access Denied")
    return body, engine._parse_template(body)


def _parameters(properties: Record, template: Record) -> Record:
    given = properties.get("Parameters") or {}
    if not isinstance(given, dict) or any(isinstance(v, list | dict) for v in given.values()):
        raise ValueError(
            "Value of property Parameters must be an object with String (or simple type) properties"
        )
    found: Record = engine._resolve_parameters(
        template, [{"Key": k, "Value": str(v)} for k, v in given.items()]
    )
    return found


def _told_parameters(values: Record) -> list[Record]:
    return [
        {"ParameterKey": k, "ParameterValue": v["Value"], "NoEcho": v["NoEcho"]} for k, v in values.items()
    ]


def _tags(properties: Record) -> list[Record]:
    return [
        {"Key": t["Key"], "Value": t["Value"]}
        for t in properties.get("Tags") or []
        if not str(t["Key"]).startswith("aws:")
    ]


def _attributes(child: Record) -> Record:
    return {f"Outputs.{o['OutputKey']}": o["OutputValue"] for o in child.get("Outputs") or []}


def _create(logical_id: str, properties: Record, parent_name: str) -> tuple[str, Record]:
    parent = cloudformation._stacks[parent_name]
    body, template = _template(properties)
    provisioners._check_nested_stack_capabilities(parent_name, template)
    values = _parameters(properties, template)
    name = names.generated(parent_name, logical_id, names.tail_of(new_uuid()), 128)
    stack_id = f"arn:aws:cloudformation:{get_region()}:{get_account_id()}:stack/{name}/{new_uuid()}"
    child: Record = {
        "StackName": name,
        "StackId": stack_id,
        "CreationTime": now_iso(),
        "LastUpdatedTime": "",
        "Description": template.get("Description", ""),
        "Parameters": _told_parameters(values),
        "Tags": _tags(properties),
        "Capabilities": list(parent.get("Capabilities") or []),
        "Outputs": [],
        "DisableRollback": True,
        "ParentId": parent["StackId"],
        "RootId": parent.get("RootId") or parent["StackId"],
        "RoleARN": parent.get("RoleARN", ""),
        "TimeoutInMinutes": int(properties.get("TimeoutInMinutes") or 0),
        "_region": get_region(),
        "_resources": {},
        "_template": template,
        "_template_body": body,
        "_resolved_params": values,
        "_conditions": engine._evaluate_conditions(template, values),
    }
    cloudformation._stacks[name] = child
    cloudformation._stack_events[stack_id] = []
    events.tell_stack(child, "CREATE_IN_PROGRESS", "User Initiated")
    # Without rollback of its own: the parent's removes it, whole.
    _on_the_loop(ministack_stacks._deploy_stack_async(name, stack_id, template, values, True, child["Tags"]))
    if child["StackStatus"] != "CREATE_COMPLETE":
        from sandbox.operations import CURRENT
        from sandbox.resources import Abandoned, ResourceFailed

        operation = CURRENT.get()
        if operation is not None and operation.stopped.is_set():
            raise Abandoned("", stack_id)
        raise ResourceFailed(
            f"Embedded stack {stack_id} was not successfully created: {child['StackStatusReason']}", stack_id
        )
    return stack_id, _attributes(child)


def _before(child: Record) -> Record:
    return {
        key: copy.deepcopy(child.get(key))
        for key in (
            "_resources",
            "_template",
            "_template_body",
            "_resolved_params",
            "_conditions",
            "Parameters",
            "Tags",
            "Outputs",
        )
    }


def _update(physical_id: str, old: Record, new: Record, parent_name: str) -> tuple[str, Record]:
    child = handlers._resolve_stack(physical_id)
    if child is None:
        raise ValueError(f"Stack with id {physical_id} does not exist")
    parent = cloudformation._stacks[parent_name]
    body, template = _template(new)
    provisioners._check_nested_stack_capabilities(parent_name, template)
    values = _parameters(new, template)
    if handlers._stack_has_no_updates(child, template, values, _tags(new)):
        return physical_id, _attributes(child)
    previous = _before(child)
    child.update(
        {
            "_template_body": body,
            "Parameters": _told_parameters(values),
            "Tags": _tags(new),
            "LastUpdatedTime": now_iso(),
            "Capabilities": list(parent.get("Capabilities") or []),
        }
    )
    events.tell_stack(child, "UPDATE_IN_PROGRESS", "User Initiated")
    _on_the_loop(
        ministack_stacks._deploy_stack_async(
            child["StackName"],
            physical_id,
            template,
            values,
            False,
            child["Tags"],
            is_update=True,
            previous_stack=previous,
        )
    )
    if child["StackStatus"] != "UPDATE_COMPLETE":
        raise ValueError(
            f"Embedded stack {physical_id} was not successfully updated. Currently in "
            f"{child['StackStatus']} with reason: {_first_failure(physical_id)}"
        )
    return physical_id, _attributes(child)


def _first_failure(stack_id: str) -> str:
    told = [
        e
        for e in cloudformation._stack_events.get(stack_id) or []
        if e["ResourceStatus"].endswith("_FAILED") and "cancelled" not in e["ResourceStatusReason"]
    ]
    return events.failed("update", [told[-1]["LogicalResourceId"]]) if told else ""


def _delete(physical_id: str, properties: Record) -> None:
    child = handlers._resolve_stack(physical_id)
    if child is None or child["StackStatus"] == "DELETE_COMPLETE":
        return
    _on_the_loop(ministack_stacks._delete_stack_async(child["StackName"], physical_id))
    if child["StackStatus"] != "DELETE_COMPLETE":
        raise ValueError(
            f"Embedded stack {physical_id} was not successfully deleted: {child['StackStatusReason']}"
        )


def _noting_the_loop(original: Any) -> Any:
    async def handle_request(*arguments: Any) -> Any:
        _LOOP.set(asyncio.get_running_loop())
        return await original(*arguments)

    return handle_request


def install() -> None:
    """Replace ministack's nested stacks, which know no parent, no events of their own and no waiting."""
    provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }
    cloudformation.handle_request = _noting_the_loop(cloudformation.handle_request)
