"""What does a stack's template say: which resources, what becomes of them at the end, which outputs?"""

from ministack.services import cloudformation
from ministack.services.cloudformation import stacks as ministack_stacks

from sandbox.events import Record


def active(definitions: Record, conditions: Record) -> set[str]:
    """The resources whose condition holds."""
    return {n for n, d in definitions.items() if conditions.get(d.get("Condition") or "", True)}


def policy(stack: Record, logical_id: str, attribute: str = "DeletionPolicy") -> str:
    """Delete, Retain, RetainExceptOnCreate or Snapshot."""
    template = stack["_template"]
    found: str = ministack_stacks._resource_policy(
        (template.get("Resources") or {}).get(logical_id),
        attribute,
        stack["_resources"],
        stack["_resolved_params"],
        stack["_conditions"],
        template.get("Mappings", {}),
        stack["StackName"],
        stack["StackId"],
    )
    return found


def publish_outputs(stack: Record, remaining: Record) -> None:
    """Fill in the stack's outputs and exports from what remains; ValueError when one can't be had."""
    template = stack["_template"]
    outputs, exports = ministack_stacks._resolve_stack_outputs(
        template.get("Outputs") or {},
        stack["_conditions"],
        remaining,
        stack["_resolved_params"],
        template.get("Mappings", {}),
        stack["StackName"],
        stack["StackId"],
    )
    for name in exports:
        taken = cloudformation._exports.get(name)
        if taken and taken["StackId"] != stack["StackId"]:
            other = taken["StackId"].split("/")[1]
            raise ValueError(f"Export with name {name} is already exported by stack {other}.")
    for output in stack.get("Outputs") or []:
        cloudformation._exports.pop(output.get("ExportName") or "", None)
    stack["Outputs"] = outputs
    for name, export in exports.items():
        cloudformation._exports[name] = export
