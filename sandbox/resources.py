"""What happens to one resource of a stack: it is created, changed or removed, and takes its time."""

import copy
import logging
from typing import Any

from ministack.core.concurrency import run_reentrant
from ministack.services.cloudformation import engine, provisioners

from sandbox import clock, events
from sandbox.events import Record
from sandbox.operations import CURRENT, Operation

logger = logging.getLogger("sandbox")


class ResourceFailed(Exception):
    """A handler's failure that knows under which physical id something may have been left behind."""

    def __init__(self, message: str, physical_id: str) -> None:
        super().__init__(message)
        self.physical_id = physical_id


class Abandoned(ResourceFailed):
    """Nobody waits for this any more: the stack is on its way back."""


def seconds_to_create(resource_type: str) -> float:
    """Stand-in seconds."""
    return clock.duration(resource_type)


def seconds_to_change(resource_type: str) -> float:
    """Stand-in seconds; removing takes as long."""
    return clock.duration(resource_type) / 2


def resolved_properties(
    stack: Record, definition: Record, earlier: Record | None = None, **reuse: bool
) -> tuple[Record, Any]:
    """The properties with every reference replaced, and what dynamic references gave, for the next update."""
    template = stack["_template"]
    properties = engine._resolve_refs(
        copy.deepcopy(definition.get("Properties") or {}),
        stack["_resources"],
        stack["_resolved_params"],
        stack["_conditions"],
        template.get("Mappings", {}),
        stack["StackName"],
        stack["StackId"],
    )
    properties = {k: v for k, v in properties.items() if v is not engine._NO_VALUE}
    resolved: tuple[Record, Any] = engine._resolve_dynamic_references(
        properties,
        (earlier or {}).get("_dynamic"),
        reuse_ssm=reuse.get("unchanged_stack", False),
        reuse_secrets=reuse.get("unchanged_resource", False),
    )
    return resolved


def tagged(
    stack: Record, resource_type: str, properties: Record, logical_id: str, tags: list[Record] | None = None
) -> Record:
    """The properties with the stack's own tags added, as the handler gets them."""
    with_tags: Record = provisioners._with_stack_tags(
        resource_type,
        properties,
        stack.get("Tags") or [] if tags is None else tags,
        stack["StackName"],
        stack["StackId"],
        logical_id,
    )
    return with_tags


def create_now(
    resource_type: str, logical_id: str, properties: Record, stack_name: str
) -> tuple[str, Record, str]:
    """Create the resource on this thread, in no time; its physical id, attributes and its name's seed."""
    token = provisioners._NAME_SEED.set("")
    try:
        physical_id, attributes = provisioners._provision_resource(
            resource_type, logical_id, properties, stack_name
        )
        return physical_id, attributes, provisioners._NAME_SEED.get()
    finally:
        provisioners._NAME_SEED.reset(token)


async def create(operation: Operation, logical_id: str, definition: Record) -> bool:
    """Create the resource and tell of it; False when it failed, which stops the operation."""
    stack = operation.stack
    resource_type = definition.get("Type", "AWS::CloudFormation::CustomResource")
    record: Record = {
        "LogicalResourceId": logical_id,
        "ResourceType": resource_type,
        "PhysicalResourceId": "",
        "Properties": {},
        "Attributes": {},
    }
    stack["_resources"][logical_id] = record
    events.tell_resource(stack, record, "CREATE_IN_PROGRESS")
    half = seconds_to_create(resource_type) / 2
    try:
        record["Properties"], dynamic = resolved_properties(stack, definition)
        if dynamic:
            record["_dynamic"] = dynamic
        await operation.pause(half)
        if operation.stopped.is_set():
            raise Abandoned(events.CREATION_CANCELLED, "")
        record["PhysicalResourceId"], record["Attributes"], seed = await run_reentrant(
            create_now,
            resource_type,
            logical_id,
            tagged(stack, resource_type, record["Properties"], logical_id),
            stack["StackName"],
        )
        if seed:
            record["_name_seed"] = seed
    except Exception as failure:
        _tell_failure(operation, record, failure, "CREATE_FAILED", events.CREATION_CANCELLED)
        return False
    events.tell_resource(stack, record, "CREATE_IN_PROGRESS", events.INITIATED)
    await operation.pause(half)
    if operation.stopped.is_set():
        operation.failed.append(logical_id)
        events.tell_resource(stack, record, "CREATE_FAILED", events.CREATION_CANCELLED)
        return False
    events.tell_resource(stack, record, "CREATE_COMPLETE")
    return True


def _tell_failure(
    operation: Operation, record: Record, failure: Exception, status: str, cancelled: str
) -> None:
    """The first failure tells its cause and stops the rest; whoever gives up because of it says only that."""
    if isinstance(failure, ResourceFailed) and failure.physical_id:
        record["PhysicalResourceId"] = failure.physical_id
    operation.failed.append(record["LogicalResourceId"])
    if isinstance(failure, Abandoned):
        events.tell_resource(operation.stack, record, status, cancelled)
        return
    logger.info("%s: %s", record["LogicalResourceId"], failure)
    events.tell_resource(operation.stack, record, status, str(failure))
    operation.stop("failed")


def _change_now(
    resource_type: str, record: Record, old: Record, new: Record, stack_name: str, *, retain_replaced: bool
) -> tuple[str, Record, str, list[Any]]:
    pending: list[Any] = []
    provisioners._RETAIN_REPLACED.set(retain_replaced)
    provisioners._DEFERRED_PREDECESSOR_DELETES.set(pending)
    provisioners._NAME_SEED.set(record.get("_name_seed", ""))
    physical_id, attributes = provisioners._update_resource(
        resource_type,
        record["PhysicalResourceId"],
        old,
        new,
        stack_name,
        record["LogicalResourceId"],
        record["Attributes"],
    )
    return physical_id, attributes, provisioners._NAME_SEED.get(), pending


async def change(
    operation: Operation, record: Record, old: Record, new: Record, *, retain_replaced: bool
) -> tuple[str, list[Any]] | None:
    """Change the resource from `old` to `new` properties (with the stack's tags) and tell of it.

    The physical id that it had and the deletions that its replacement left to do; None when it failed.
    """
    stack, resource_type = operation.stack, record["ResourceType"]
    before = record["PhysicalResourceId"]
    refused = provisioners._custom_named_replacement_error(resource_type, old, new)
    replacing = not refused and provisioners._replacing_change(resource_type, old, new)
    events.tell_resource(
        stack,
        record,
        "UPDATE_IN_PROGRESS",
        "Requested update requires the creation of a new physical resource; hence creating one."
        if replacing
        else "",
    )
    half = seconds_to_change(resource_type) / 2
    try:
        await operation.pause(half)
        if operation.stopped.is_set():
            raise Abandoned(events.UPDATE_CANCELLED, "")
        physical_id, attributes, seed, pending = await run_reentrant(
            lambda: _change_now(
                resource_type, record, old, new, stack["StackName"], retain_replaced=retain_replaced
            )
        )
    except Exception as failure:
        _tell_failure(operation, record, failure, "UPDATE_FAILED", events.UPDATE_CANCELLED)
        return None
    record["PhysicalResourceId"] = physical_id
    record["Attributes"] = (
        {**record["Attributes"], **(attributes or {})} if physical_id == before else attributes
    )
    if seed:
        record["_name_seed"] = seed
    await operation.pause(half)
    events.tell_resource(stack, record, "UPDATE_COMPLETE")
    return before, pending


def remove_now(
    resource_type: str,
    physical_id: str,
    properties: Record,
    stack_name: str | None = None,
    logical_id: str | None = None,
) -> None:
    """Remove the resource on this thread, in its time."""
    clock.sleep(seconds_to_change(resource_type))
    provisioners._delete_resource(resource_type, physical_id, properties, stack_name, logical_id)


def change_now(resource_type: str, *arguments: Any) -> tuple[str, Record]:
    """Change the resource on this thread, in its time."""
    clock.sleep(seconds_to_change(resource_type))
    changed: tuple[str, Record] = provisioners._update_resource(resource_type, *arguments)
    return changed


async def remove(stack: Record, record: Record) -> bool:
    """Remove the resource and tell of it; False when it could not be removed."""
    if not record["PhysicalResourceId"]:
        events.tell_resource(stack, record, "DELETE_COMPLETE")
        return True
    events.tell_resource(stack, record, "DELETE_IN_PROGRESS")
    # A deletion is waited for even after the creation before it was abandoned.
    CURRENT.set(None)
    await clock.pause(seconds_to_change(record["ResourceType"]))
    try:
        await run_reentrant(
            provisioners._delete_resource,
            record["ResourceType"],
            record["PhysicalResourceId"],
            record["Properties"],
            stack["StackName"],
            record["LogicalResourceId"],
        )
    except Exception as failure:
        events.tell_resource(stack, record, "DELETE_FAILED", str(failure))
        return False
    events.tell_resource(stack, record, "DELETE_COMPLETE")
    return True
