"""How does a stack come into being, and how does it go away again?

Replaces ministack's one-after-the-other loops: resources that don't need one another are worked on at the
same time, each in its own time on the clock, and the server stays free. What a request may not ask is
`sandbox.requests`' business; changing a stack is `sandbox.updates`'.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, handlers, provisioners
from ministack.services.cloudformation import stacks as ministack_stacks

from sandbox import clock, declared, events, operations, ordering, resources, updates
from sandbox.events import Record
from sandbox.operations import Operation

TIMED_OUT = "Stack creation time exceeded the specified timeout. "


def _overhead() -> float:
    return clock.DURATIONS["stack"] / 2


async def _create_all(operation: Operation) -> None:
    stack = operation.stack
    definitions = stack["_template"].get("Resources") or {}
    before = ordering.needs(definitions, declared.active(definitions, stack["_conditions"]))
    await operation.pause(_overhead())
    await ordering.visit(
        before,
        lambda name: resources.create(operation, name, definitions[name]),
        go_on=lambda: not operation.stopped.is_set(),
    )
    await operation.pause(_overhead())


def _failure(operation: Operation) -> str:
    if operation.stop_reason == TIMED_OUT:
        return TIMED_OUT
    return events.failed("create", operation.failed) if operation.failed else operation.stop_reason


async def _deploy(
    stack_name: str,
    stack_id: str,
    template: Record,
    param_values: Record,
    disable_rollback: bool,
    tags: list[Record],
    is_update: bool = False,
    previous_stack: Record | None = None,
    retain_except_on_create: bool = False,
    imports: Record | None = None,
) -> None:
    """ministack's `_deploy_stack_async`, with its signature: the background half of three requests."""
    stack = cloudformation._stacks[stack_name]
    stack["_template"], stack["_resolved_params"] = template, param_values
    stack["_conditions"] = engine._evaluate_conditions(template, param_values)
    operation = operations.begin(stack)
    try:
        if ministack_stacks._fail_property_validation(
            stack,
            stack_id,
            stack_name,
            template.get("Resources") or {},
            ministack_stacks._topological_sort(template.get("Resources") or {}, stack["_conditions"]),
            param_values,
            stack["_conditions"],
            template.get("Mappings", {}),
            disable_rollback,
            previous_stack=previous_stack if is_update else None,
        ):
            return
        if is_update:
            await updates.run(
                operation,
                previous_stack or {},
                disable_rollback=disable_rollback,
                retain_except_on_create=retain_except_on_create,
            )
        else:
            await _create(
                operation, disable_rollback=disable_rollback, retain_except_on_create=retain_except_on_create
            )
    except ValueError as refused:
        verb = "UPDATE" if is_update else "CREATE"
        events.tell_stack(stack, f"{verb}_FAILED", str(refused))
    finally:
        operations.end(operation)


async def _create(operation: Operation, *, disable_rollback: bool, retain_except_on_create: bool) -> None:
    stack = operation.stack
    watch = asyncio.ensure_future(_watch_time(operation)) if stack.get("TimeoutInMinutes") else None
    try:
        await _create_all(operation)
    finally:
        if watch is not None:
            watch.cancel()
    if not operation.stopped.is_set():
        try:
            declared.publish_outputs(stack, stack["_resources"])
        except ValueError as refused:
            operation.stop(str(refused))
    if not operation.stopped.is_set():
        events.tell_stack(stack, "CREATE_COMPLETE")
    elif operation.stop_reason in ("deleted", operations.FORGOTTEN):
        return
    elif disable_rollback:
        stack["_failed_operation"] = _for_rollback_stack(operation, retain_except_on_create)
        events.tell_stack(stack, "CREATE_FAILED", _failure(operation))
    else:
        await _roll_back(
            operation,
            f"{_failure(operation)}Rollback requested by user.",
            retain_except_on_create=retain_except_on_create,
        )


async def _watch_time(operation: Operation) -> None:
    await clock.pause(60.0 * operation.stack["TimeoutInMinutes"])
    operation.stop(TIMED_OUT)


def _for_rollback_stack(operation: Operation, retain_except_on_create: bool) -> Record:
    """What ministack's RollbackStack wants to know later."""
    stack = operation.stack
    created = [name for name, record in stack["_resources"].items() if record["PhysicalResourceId"]]
    undo: Record = ministack_stacks._failed_operation(
        False,
        None,
        created,
        None,
        None,
        [],
        False,
        stack["_template"],
        stack["_resolved_params"],
        retain_except_on_create,
        stack.get("Tags") or [],
        [],
    )
    return undo


async def _roll_back(operation: Operation, reason: str, *, retain_except_on_create: bool) -> None:
    """Remove what the creation made: ROLLBACK_COMPLETE, after which the stack can only be deleted."""
    stack = operation.stack
    events.tell_stack(stack, "ROLLBACK_IN_PROGRESS", reason)
    kept = {
        n
        for n in stack["_resources"]
        if declared.policy(stack, n) == "Retain" and not retain_except_on_create
    }
    failures = await _remove_all(stack, kept)
    if failures:
        stack["_rollback_failed"] = {n: stack["_resources"][n] for n in failures}
        events.tell_stack(stack, "ROLLBACK_FAILED", events.failed("delete", failures))
    else:
        events.tell_stack(stack, "ROLLBACK_COMPLETE")


async def _remove_all(stack: Record, kept: Iterable[str], *, force: bool = False) -> list[str]:
    """Remove every resource but those kept, dependents first; the logical ids of those that would not go."""
    records, skipped = stack["_resources"], set(kept)
    present = {
        n for n, r in records.items() if r["ResourceStatus"] not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
    }
    before = ordering.needs(stack["_template"].get("Resources") or {}, present)
    failures: list[str] = []

    async def act(name: str) -> bool:
        if name in skipped:
            events.tell_resource(stack, records[name], "DELETE_SKIPPED")
            return True
        if declared.policy(stack, name) == "Snapshot":
            provisioners._snapshot_resource(
                records[name]["ResourceType"],
                records[name]["PhysicalResourceId"],
                records[name]["Properties"],
            )
        if await resources.remove(stack, records[name]):
            return True
        if force:
            events.tell_resource(
                stack, records[name], "DELETE_SKIPPED", records[name]["ResourceStatusReason"]
            )
            skipped.update(before[name])
            return True
        failures.append(name)
        return False

    await ordering.visit(ordering.reversed_needs(before), act)
    return failures


async def _delete(
    stack_name: str, stack_id: str, retain_resources: Iterable[str] = (), force: bool = False
) -> None:
    """ministack's `_delete_stack_async`, with its signature: the background half of DeleteStack."""
    stack = cloudformation._stacks.get(stack_name)
    if stack is None or stack["StackId"] != stack_id:
        return
    events.tell_stack(stack, "DELETE_IN_PROGRESS", "User Initiated")
    creation = operations.running(stack_id)
    if creation is not None:
        creation.stop("deleted")
        await creation.done.wait()
    operation = operations.begin(stack)
    try:
        await clock.pause(_overhead())
        await _empty(stack, set(retain_resources), force=force)
    finally:
        operations.end(operation)


async def _empty(stack: Record, retained: set[str], *, force: bool) -> None:
    failed_before = {n for n, r in stack["_resources"].items() if r["ResourceStatus"] == "DELETE_FAILED"}
    kept = retained | {
        n for n in stack["_resources"] if declared.policy(stack, n) in provisioners._RETAINING_POLICIES
    }
    if force:
        definitions = stack["_template"].get("Resources") or {}
        kept |= ministack_stacks._with_dependencies(
            sorted(failed_before), definitions, set(stack["_resources"])
        )
    failures = await _remove_all(stack, kept, force=force)
    await clock.pause(_overhead())
    if failures:
        events.tell_stack(stack, "DELETE_FAILED", events.failed("delete", failures))
        return
    for output in stack.get("Outputs") or []:
        cloudformation._exports.pop(output.get("ExportName") or "", None)
    events.tell_stack(stack, "DELETE_COMPLETE")
    free_name(stack)


def free_name(stack: Record) -> None:
    """From now on the stack is found by its id only, and its name can be used again."""
    if cloudformation._stacks.get(stack["StackName"]) is stack:
        del cloudformation._stacks[stack["StackName"]]
    cloudformation._stacks[stack["StackId"]] = stack


def install() -> None:
    """Put our operations where ministack's handlers, change sets and OnFailure=DELETE look for theirs."""
    modules: tuple[Any, ...] = (ministack_stacks, handlers, changesets)
    for module in modules:
        if hasattr(module, "_deploy_stack_async"):
            module._deploy_stack_async = _deploy
        if hasattr(module, "_delete_stack_async"):
            module._delete_stack_async = _delete
    # What is left of ministack's own loops (undoing a change, RollbackStack, ContinueUpdateRollback) takes
    # its time on a thread of its own.
    ministack_stacks._runs_on_worker_thread = lambda resource_type: True
    ministack_stacks._delete_resource = resources.remove_now
    ministack_stacks._update_resource = resources.change_now
