"""In what words and what order does a stack tell what happens to it?

A status changes only together with its event, as at AWS. Reasons are CloudFormation's own sentences.
"""

from typing import Any

from ministack.core.responses import now_iso
from ministack.services.cloudformation import stacks as ministack_stacks

from sandbox import changes

Record = dict[str, Any]
"""A stack or one of its resources as ministack keeps it."""

STACK_TYPE = "AWS::CloudFormation::Stack"
CREATION_CANCELLED = "Resource creation cancelled"
UPDATE_CANCELLED = "Resource update cancelled"
INITIATED = "Resource creation Initiated"


def tell_stack(stack: Record, status: str, reason: str = "") -> None:
    """Give the stack this status and record the event."""
    stack["StackStatus"] = status
    stack["StackStatusReason"] = reason
    changes.record(stack["StackId"], status)
    if status == "DELETE_IN_PROGRESS":
        stack["DeletionTime"] = now_iso()
    ministack_stacks._add_event(
        stack["StackId"], stack["StackName"], stack["StackName"], STACK_TYPE, status, reason, stack["StackId"]
    )


def tell_resource(stack: Record, resource: Record, status: str, reason: str = "") -> None:
    """Give the resource this status and record the event."""
    resource["ResourceStatus"] = status
    resource["ResourceStatusReason"] = reason
    resource["Timestamp"] = now_iso()
    ministack_stacks._add_event(
        stack["StackId"],
        stack["StackName"],
        resource["LogicalResourceId"],
        resource["ResourceType"],
        status,
        reason,
        resource["PhysicalResourceId"],
    )


def failed(verb: str, logical_ids: list[str]) -> str:
    """`The following resource(s) failed to create: [A, B]. `, with the blank that AWS leaves at its end."""
    return f"The following resource(s) failed to {verb}: [{', '.join(sorted(logical_ids))}]. "
