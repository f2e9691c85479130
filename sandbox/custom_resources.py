"""What does CloudFormation make of a custom resource?

It asks whoever stands behind it, waits on the clock, and judges the answer.
"""

import html
import json
import re

from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import lambda_svc, sns
from ministack.services.cloudformation import custom_resource

from sandbox import callers, clock, faults, names, scripted
from sandbox.events import Record
from sandbox.functions import real_seconds
from sandbox.operations import CURRENT
from sandbox.resources import Abandoned, ResourceFailed

RESPONSE_LIMIT = 4096
"""Bytes, of the whole answer."""


def _judge(answer: Record, request: Record) -> tuple[str, Record]:
    if len(json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()) > RESPONSE_LIMIT:
        raise ResourceFailed("Response object is too long.", request["_fallback_id"])
    physical_id = answer.get("PhysicalResourceId")
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if answer.get(name) != request[name]:
            raise ResourceFailed(
                f"Invalid response: {name} does not match the request's.", request["_fallback_id"]
            )
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        raise ResourceFailed("Invalid response: Status must be SUCCESS or FAILED.", request["_fallback_id"])
    if answer["Status"] == "FAILED":
        raise ResourceFailed(
            "Received response status [FAILED] from custom resource. Message returned: "
            f"{answer.get('Reason') or 'See the details in CloudWatch Log Stream'} "
            f"(RequestId: {request['RequestId']})",
            physical_id or request["_fallback_id"],
        )
    if not physical_id:
        raise ResourceFailed("Invalid PhysicalResourceId", request["_fallback_id"])
    if request["RequestType"] == "Delete" and physical_id != request["PhysicalResourceId"]:
        raise ResourceFailed("Invalid PhysicalResourceId", request["PhysicalResourceId"])
    return physical_id, answer.get("Data") or {}


def _wait(token: str, request: Record, seconds: float, *, is_lost: bool) -> Record:
    """The answer to this request; ResourceFailed after the time-out, Abandoned when the stack gives up.

    Nobody works on what is lost, so it needs no real time.
    """
    operation = CURRENT.get()
    arrived = custom_resource._pending[token]["event"]
    until_give_up = seconds if is_lost else real_seconds(seconds) * clock.speed()
    clock.wait_until(
        lambda: arrived.is_set() or (operation is not None and operation.abandoned.is_set()), until_give_up
    )
    with custom_resource._lock:
        answer = (custom_resource._pending.pop(token, None) or {}).get("result")
    if answer is not None:
        return dict(answer)
    if operation is not None and operation.abandoned.is_set():
        raise Abandoned("", request["_fallback_id"])
    raise ResourceFailed(
        "CloudFormation did not receive a response from your Custom Resource. Please check your logs for "
        f"requestId [{request['RequestId']}]. If you are using the Python cfn-response module, you may need "
        "to update your Lambda function code so that CloudFormation can attach the updated version.",
        request["_fallback_id"],
    )


def _send_to_function(service_token: str, request: Record, stack_region: str) -> None:
    if service_token.split(":")[3] != stack_region:
        raise ValueError(f"Invalid service token: {service_token} is not in region {stack_region}.")
    function, config, _ = lambda_svc._get_func_record_for_ref(service_token)
    if function is None or config is None:
        raise ValueError(
            callers.from_handler(f"Function not found: {service_token}", "lambda", 404, "NotFound")
        )
    record = lambda_svc._execution_record_for_config(function, config)
    # Asynchronously, as CloudFormation does: the answer counts, not what the function returns.
    spawn_background(lambda_svc._execute_function_with_config_scope, record, request)


def _send_to_topic(service_token: str, request: Record) -> None:
    parameters = {
        "TopicArn": [service_token],
        "Message": [json.dumps(request)],
        "Subject": ["AWS CloudFormation custom resource request"],
    }
    status, _, answer = sns._publish(parameters)
    if status != 200:
        found = re.search(r"<Message>(.*?)</Message>", answer.decode(), re.DOTALL)
        raise ValueError(
            callers.from_handler(
                html.unescape(found[1]) if found else "Publish failed.",
                "sns",
                status,
                "GeneralServiceException",
            )
        )


def invoke_custom_resource(
    request_type: str,
    logical_id: str,
    props: Record,
    stack_name: str,
    stack_id: str,
    resource_type: str,
    physical_id: str | None = None,
    old_props: Record | None = None,
) -> tuple[str, Record]:
    """ministack's function of that name: ask whoever the ServiceToken names, wait, and judge.

    Physical id and attributes; ResourceFailed with CloudFormation's sentence otherwise. Blocks its thread.
    """
    token, request_id = new_uuid(), new_uuid()
    fallback = physical_id or f"{stack_name}-{logical_id}-{names.tail_of(request_id)}"
    request: Record = {
        "RequestType": request_type,
        "RequestId": request_id,
        "StackId": stack_id,
        "ResponseURL": custom_resource._response_url(token),
        "ResourceType": resource_type,
        "LogicalResourceId": logical_id,
        "ServiceToken": props.get("ServiceToken", ""),
        "ResourceProperties": custom_resource._normalise_resource_properties(props),
    }
    if physical_id is not None:
        request["PhysicalResourceId"] = physical_id
    if old_props is not None:
        request["OldResourceProperties"] = custom_resource._normalise_resource_properties(old_props)
    account = get_account_id()
    if scripted.knows(request, account):
        return _judge(scripted.play(request, account), {**request, "_fallback_id": fallback})
    service_token = str(props.get("ServiceToken", ""))
    custom_resource.register_token(token)
    is_lost = faults.next_in_stack("answer-lost", "lambda:InvokeFunction") is not None
    match service_token.split(":")[2:3]:
        case ["lambda"] if is_lost:
            # Invoked, and never heard of again.
            pass
        case ["lambda"]:
            _send_to_function(service_token, request, get_region())
        case ["sns"]:
            _send_to_topic(service_token, request)
        case _:
            raise ValueError("Invalid service token.")
    request = {**request, "_fallback_id": fallback}
    return _judge(_wait(token, request, _service_timeout(props), is_lost=is_lost), request)


def _service_timeout(props: Record) -> float:
    try:
        seconds = int(props.get("ServiceTimeout") or 3600)
    except ValueError:
        raise ValueError("ServiceTimeout must be a number of seconds.") from None
    if not 1 <= seconds <= 3600:
        raise ValueError("ServiceTimeout must be between 1 and 3600 seconds.")
    return seconds


def install() -> None:
    """Replace ministack's invocation, which waits for the function first and in real time only."""
    custom_resource.invoke_custom_resource = invoke_custom_resource
