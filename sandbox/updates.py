"""How does a stack change, and how does it get back to what it was when the change fails?

Going forward is ours: only what differs is touched, and what doesn't depend on one another at the same
time. Going back is ministack's `_roll_back_operation`, which does it as AWS does.
"""

from typing import Any

from ministack.core.concurrency import run_reentrant
from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners
from ministack.services.cloudformation import stacks as ministack_stacks

from sandbox import clock, declared, events, ordering, resources
from sandbox.events import Record
from sandbox.operations import FORGOTTEN, Operation


class _Update:
    """What the change has done so far, which is what going back has to undo."""

    def __init__(self, operation: Operation, previous: Record) -> None:
        self.operation = operation
        self.stack = operation.stack
        self.previous = previous
        self.definitions: Record = self.stack["_template"].get("Resources") or {}
        self.old: Record = previous.get("_resources") or {}
        self.touched: list[str] = []
        self.replaced: list[tuple[str, str, Record, list[Any]]] = []
        self.failed_update: tuple[Any, ...] | None = None

    async def act(self, name: str) -> bool:
        """Create or change one resource, or leave it alone when nothing about it differs."""
        definition = self.definitions[name]
        earlier = self.old.get(name)
        if earlier is None or not earlier.get("PhysicalResourceId"):
            done = await resources.create(self.operation, name, definition)
            if done or self.stack["_resources"][name]["PhysicalResourceId"]:
                self.touched.append(name)
            return done
        return await self._change(name, definition, earlier)

    async def _change(self, name: str, definition: Record, earlier: Record) -> bool:
        stack, resource_type = self.stack, earlier["ResourceType"]
        record = stack["_resources"][name]
        try:
            properties, dynamic = resources.resolved_properties(
                stack,
                definition,
                earlier,
                unchanged_resource=(self.previous["_template"].get("Resources") or {}).get(name)
                == definition,
            )
        except ValueError as refused:
            events.tell_resource(stack, record, "UPDATE_FAILED", str(refused))
            self.operation.stop("failed")
            return False
        old = resources.tagged(
            stack, resource_type, earlier["Properties"], name, self.previous.get("Tags") or []
        )
        new = resources.tagged(stack, resource_type, properties, name)
        if old == new and resource_type != events.STACK_TYPE:
            record["Properties"] = properties
            return True
        policy = ministack_stacks._resource_policy(
            definition,
            "UpdateReplacePolicy",
            stack["_resources"],
            stack["_resolved_params"],
            stack["_conditions"],
            stack["_template"].get("Mappings", {}),
            stack["StackName"],
            stack["StackId"],
        )
        retained = policy in provisioners._RETAINING_POLICIES
        changed = await resources.change(self.operation, record, old, new, retain_replaced=retained)
        if changed is None:
            self.failed_update = (
                name,
                resource_type,
                earlier["PhysicalResourceId"],
                new,
                old,
                earlier.get("Attributes"),
            )
            return False
        before, pending = changed
        if not retained and (before != record["PhysicalResourceId"] or pending):
            self.replaced.append((name, before, earlier["Properties"], pending))
        record["Properties"] = properties
        if dynamic:
            record["_dynamic"] = dynamic
        self.touched.append(name)
        return True


async def run(
    operation: Operation, previous: Record, *, disable_rollback: bool, retain_except_on_create: bool
) -> None:
    """Bring the stack from `previous` to its present template and parameters, or back."""
    stack, update = operation.stack, _Update(operation, previous)
    await operation.pause(clock.DURATIONS["stack"] / 2)
    before = ordering.needs(update.definitions, declared.active(update.definitions, stack["_conditions"]))
    await ordering.visit(before, update.act, go_on=lambda: not operation.stopped.is_set())
    removed = [n for n in stack["_resources"] if n not in before]
    if not operation.stopped.is_set():
        try:
            declared.publish_outputs(stack, {n: r for n, r in stack["_resources"].items() if n in before})
        except ValueError as refused:
            operation.stop(str(refused))
    if operation.stop_reason == FORGOTTEN:
        return
    if operation.stopped.is_set():
        await _go_back(
            update, disable_rollback=disable_rollback, retain_except_on_create=retain_except_on_create
        )
        return
    events.tell_stack(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    await _clean_up(update, removed)
    await clock.pause(clock.DURATIONS["stack"] / 2)
    events.tell_stack(stack, "UPDATE_COMPLETE")


async def _clean_up(update: _Update, removed: list[str]) -> None:
    """Remove predecessors of replaced resources and what the template no longer has; failures stay."""
    stack = update.stack
    for name, physical_id, properties, pending in reversed(update.replaced):
        record = stack["_resources"][name]
        leftover = {**record, "PhysicalResourceId": physical_id, "Properties": properties}
        for delete, arguments, keywords in pending:
            await run_reentrant(lambda d=delete, a=arguments, k=keywords: d(*a, **k))
        if physical_id != record["PhysicalResourceId"]:
            await resources.remove(stack, leftover)
    old_definitions = update.previous["_template"].get("Resources") or {}
    order = ordering.reversed_needs(ordering.needs(old_definitions, set(removed)))

    async def act(name: str) -> bool:
        policy = declared.policy({**stack, "_template": update.previous["_template"]}, name)
        record = stack["_resources"][name]
        if policy in provisioners._RETAINING_POLICIES:
            events.tell_resource(stack, record, "DELETE_SKIPPED")
        elif not await resources.remove(stack, record):
            return False
        del stack["_resources"][name]
        return True

    await ordering.visit(order, act)


async def _go_back(update: _Update, *, disable_rollback: bool, retain_except_on_create: bool) -> None:
    operation, stack = update.operation, update.stack
    cancelled = operation.stop_reason == "User Initiated"
    reason = (
        operation.stop_reason
        if cancelled or not operation.failed
        else events.failed("update" if update.failed_update else "create", operation.failed)
    )
    undo = ministack_stacks._failed_operation(
        True,
        update.previous,
        update.touched,
        update.failed_update,
        operation.failed[0] if operation.failed else None,
        [entry[0] for entry in update.replaced],
        cancelled,
        stack["_template"],
        stack["_resolved_params"],
        retain_except_on_create,
        stack.get("Tags") or [],
        update.previous.get("Tags") or [],
    )
    if disable_rollback:
        stack["_failed_operation"] = undo
        events.tell_stack(stack, "UPDATE_FAILED", reason)
        return
    await ministack_stacks._roll_back_operation(stack["StackName"], stack["StackId"], stack, undo, reason)
    stack["StackStatusReason"] = (
        "" if stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE" else stack["StackStatusReason"]
    )
    for output in stack.get("Outputs") or []:
        if output.get("ExportName"):
            cloudformation._exports[output["ExportName"]] = {
                "StackId": stack["StackId"],
                "Name": output["ExportName"],
                "Value": output["OutputValue"],
            }
