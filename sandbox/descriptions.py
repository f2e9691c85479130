"""What does CloudFormation tell of its stacks: which fields, in which form?

ministack leaves out who a stack's parent is, its service role, its description in lists, and finding a stack
by one of its resources.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers
from ministack.services.cloudformation.helpers import (
    _error,
    _esc,
    _extract_stack_status_filters,
    _p,
    _page,
    _xml,
)

from sandbox.events import Record

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[Parameters], Answer]


def resolve(reference: str) -> Record | None:
    """A stack by its name or id; one that is gone by its id only.

    Unlike ministack's, without looking through the stacks of all accounts: there are tens of thousands.
    """
    stack: Record | None = cloudformation._stacks.get(reference)
    if stack is None and reference.startswith("arn:") and reference.count("/") == 2:
        named: Record | None = cloudformation._stacks.get(reference.split("/")[1])
        stack = named if named is not None and named["StackId"] == reference else None
    return stack


def _fields(stack: Record, *names: str) -> str:
    return "".join(f"<{n}>{_esc(str(stack[n]))}</{n}>" for n in names if stack.get(n))


def _members(items: list[Record], *names: str) -> str:
    return "".join(f"<member>{_fields(item, *names)}</member>" for item in items)


def _parameters(stack: Record) -> str:
    return _members(
        [
            {**p, "ParameterValue": "****" if p.get("NoEcho") else p.get("ParameterValue", "")}
            for p in stack.get("Parameters") or []
        ],
        "ParameterKey",
        "ParameterValue",
    )


def _stack(stack: Record) -> str:
    capabilities = "".join(f"<member>{_esc(c)}</member>" for c in stack.get("Capabilities") or [])
    outputs = _members(stack.get("Outputs") or [], "OutputKey", "OutputValue", "Description", "ExportName")
    minutes = (
        f"<TimeoutInMinutes>{stack['TimeoutInMinutes']}</TimeoutInMinutes>"
        if stack.get("TimeoutInMinutes")
        else ""
    )
    return (
        "<member>"
        + _fields(
            stack,
            "StackName",
            "StackId",
            "StackStatus",
            "StackStatusReason",
            "CreationTime",
            "LastUpdatedTime",
            "DeletionTime",
            "Description",
            "RoleARN",
            "ParentId",
            "RootId",
            "DeletionMode",
        )
        + minutes
        + f"<DisableRollback>{str(bool(stack.get('DisableRollback'))).lower()}</DisableRollback>"
        f"<EnableTerminationProtection>{str(bool(stack.get('EnableTerminationProtection'))).lower()}"
        f"</EnableTerminationProtection><Capabilities>{capabilities}</Capabilities>"
        f"<Parameters>{_parameters(stack)}</Parameters><Outputs>{outputs}</Outputs>"
        f"<Tags>{_members(stack.get('Tags') or [], 'Key', 'Value')}</Tags>"
        f"{handlers._stack_drift_information_xml(stack)}</member>"
    )


def _describe_stacks(params: Parameters) -> Answer:
    name = _p(params, "StackName")
    if name:
        stack = resolve(name)
        if stack is None or (stack["StackStatus"] == "DELETE_COMPLETE" and name != stack["StackId"]):
            missing: Answer = _error("ValidationError", f"Stack with id {name} does not exist")
            return missing
        found = [stack]
    else:
        found = [s for s in cloudformation._stacks.values() if s["StackStatus"] != "DELETE_COMPLETE"]
    page, token, refusal = _page(found, params, "DescribeStacks")
    if refusal:
        return refusal  # type: ignore[no-any-return]
    answer: Answer = _xml(
        200,
        "DescribeStacksResponse",
        f"<DescribeStacksResult><Stacks>{''.join(map(_stack, page))}</Stacks>{token}</DescribeStacksResult>",
    )
    return answer


def _list_stacks(params: Parameters) -> Answer:
    wanted = _extract_stack_status_filters(params)
    found = sorted(
        (s for s in cloudformation._stacks.values() if not wanted or s["StackStatus"] in wanted),
        key=lambda s: str(s.get("CreationTime", "")),
        reverse=True,
    )
    page, token, refusal = _page(found, params, "ListStacks")
    if refusal:
        return refusal  # type: ignore[no-any-return]
    summaries = "".join(
        "<member>"
        + _fields(
            {**s, "TemplateDescription": s.get("Description")},
            "StackName",
            "StackId",
            "StackStatus",
            "StackStatusReason",
            "CreationTime",
            "LastUpdatedTime",
            "DeletionTime",
            "TemplateDescription",
            "ParentId",
            "RootId",
        )
        + handlers._stack_drift_information_xml(s)
        + "</member>"
        for s in page
    )
    answer: Answer = _xml(
        200,
        "ListStacksResponse",
        f"<ListStacksResult><StackSummaries>{summaries}</StackSummaries>{token}</ListStacksResult>",
    )
    return answer


def _describe_stack_resources(original: Handler) -> Handler:
    def describe(params: Parameters) -> Answer:
        physical_id = _p(params, "PhysicalResourceId")
        if not physical_id:
            return original(params)
        for stack in cloudformation._stacks.values():
            if stack["StackStatus"] != "DELETE_COMPLETE" and any(
                r.get("PhysicalResourceId") == physical_id for r in stack["_resources"].values()
            ):
                return original({"StackName": [stack["StackId"]]})
        missing: Answer = _error("ValidationError", f"Stack for {physical_id} does not exist")
        return missing

    return describe


HANDLERS: dict[str, Callable[[Handler], Handler]] = {
    "DescribeStacks": lambda original: _describe_stacks,
    "ListStacks": lambda original: _list_stacks,
    "DescribeStackResources": _describe_stack_resources,
}
"""For each action that answers otherwise, how its handler follows from ministack's."""
