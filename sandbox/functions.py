"""How does the Lambda behind a custom resource run, and what does its stack make of the answer?

The function's own code runs in a process of its own, with its execution role's credentials, and calls the
stand-in like anyone else. Here is what CloudFormation does around it: invoke, wait on the clock, judge the
answer. Also which runtimes Lambda still accepts.
"""

import contextvars
import datetime
import html
import json
import re
from importlib import resources as files
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_region, new_uuid
from ministack.services import lambda_svc, sns
from ministack.services.cloudformation import custom_resource, provisioners

from sandbox import callers, clock, names
from sandbox.events import Record
from sandbox.operations import CURRENT
from sandbox.resources import Abandoned, ResourceFailed

RESPONSE_LIMIT = 4096
REAL_SECONDS_AT_LEAST = 30.0
"""However fast the clock: Python has to start and call the stand-in in real time. Shorter time-outs than this
are taken as real seconds."""


def real_seconds(stand_in_seconds: float) -> float:
    """How long a time-out of so many stand-in seconds really lasts."""
    return max(stand_in_seconds / clock.speed(), min(stand_in_seconds, REAL_SECONDS_AT_LEAST))


# --- the answer ------------------------------------------------------------------------------------------


def _judge(answer: Record, request: Record) -> tuple[str, Record]:
    if len(json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()) > RESPONSE_LIMIT:
        raise ResourceFailed("Response object is too long.", request["_fallback_id"])
    physical_id = answer.get("PhysicalResourceId")
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if answer.get(name) != request[name]:
            raise ResourceFailed(
                f"Invalid response: {name} does not match the request's.", request["_fallback_id"])
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        raise ResourceFailed("Invalid response: Status must be SUCCESS or FAILED.", request["_fallback_id"])
    if answer["Status"] == "FAILED":
        raise ResourceFailed(
            "Received response status [FAILED] from custom resource. Message returned: "
            f"{answer.get('Reason') or 'See the details in CloudWatch Log Stream'} (RequestId: {request['RequestId']})",
            physical_id or request["_fallback_id"])
    if not physical_id:
        raise ResourceFailed("Invalid PhysicalResourceId", request["_fallback_id"])
    if request["RequestType"] == "Delete" and physical_id != request["PhysicalResourceId"]:
        raise ResourceFailed("Invalid PhysicalResourceId", request["PhysicalResourceId"])
    return physical_id, answer.get("Data") or {}


def _wait(token: str, request: Record, seconds: float) -> Record:
    """The answer to this request; ResourceFailed after the time-out, Abandoned when the stack gives up."""
    operation = CURRENT.get()
    arrived = custom_resource._pending[token]["event"]
    until_give_up = real_seconds(seconds) * clock.speed()
    clock.wait_until(lambda: arrived.is_set() or (operation is not None and operation.abandoned.is_set()),
                     until_give_up)
    with custom_resource._lock:
        answer = (custom_resource._pending.pop(token, None) or {}).get("result")
    if answer is not None:
        return dict(answer)
    if operation is not None and operation.abandoned.is_set():
        raise Abandoned("", request["_fallback_id"])
    raise ResourceFailed(
        "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
        f"[{request['RequestId']}]. If you are using the Python cfn-response module, you may need to update your "
        "Lambda function code so that CloudFormation can attach the updated version.", request["_fallback_id"])


# --- the request -----------------------------------------------------------------------------------------


def _send_to_function(service_token: str, request: Record, stack_region: str) -> None:
    if service_token.split(":")[3] != stack_region:
        raise ValueError(f"Invalid service token: {service_token} is not in region {stack_region}.")
    function, config, _ = lambda_svc._get_func_record_for_ref(service_token)
    if function is None or config is None:
        raise ValueError(callers.from_handler(f"Function not found: {service_token}", "lambda", 404, "NotFound"))
    record = lambda_svc._execution_record_for_config(function, config)
    # Asynchronously, as CloudFormation does: the answer counts, not what the function returns.
    spawn_background(lambda_svc._execute_function_with_config_scope, record, request)


def _send_to_topic(service_token: str, request: Record) -> None:
    parameters = {"TopicArn": [service_token], "Message": [json.dumps(request)],
                  "Subject": ["AWS CloudFormation custom resource request"]}
    status, _, answer = sns._publish(parameters)
    if status != 200:
        found = re.search(r"<Message>(.*?)</Message>", answer.decode(), re.DOTALL)
        raise ValueError(callers.from_handler(
            html.unescape(found[1]) if found else "Publish failed.", "sns", status, "GeneralServiceException"))


def invoke_custom_resource(request_type: str, logical_id: str, props: Record, stack_name: str, stack_id: str,
                           resource_type: str, physical_id: str | None = None,
                           old_props: Record | None = None) -> tuple[str, Record]:
    """ministack's function of that name: ask whoever the ServiceToken names, wait, and judge.

    Physical id and attributes; ResourceFailed with CloudFormation's sentence otherwise. Blocks its thread.
    """
    token, request_id = new_uuid(), new_uuid()
    fallback = physical_id or f"{stack_name}-{logical_id}-{names.tail_of(request_id)}"
    request: Record = {
        "RequestType": request_type, "RequestId": request_id, "StackId": stack_id,
        "ResponseURL": custom_resource._response_url(token), "ResourceType": resource_type,
        "LogicalResourceId": logical_id,
        "ServiceToken": props.get("ServiceToken", ""),
        "ResourceProperties": custom_resource._normalise_resource_properties(props),
    }
    if physical_id is not None:
        request["PhysicalResourceId"] = physical_id
    if old_props is not None:
        request["OldResourceProperties"] = custom_resource._normalise_resource_properties(old_props)
    service_token = str(props.get("ServiceToken", ""))
    custom_resource.register_token(token)
    match service_token.split(":")[2:3]:
        case ["lambda"]:
            _send_to_function(service_token, request, get_region())
        case ["sns"]:
            _send_to_topic(service_token, request)
        case _:
            raise ValueError("Invalid service token.")
    request = {**request, "_fallback_id": fallback}
    return _judge(_wait(token, request, _service_timeout(props)), request)


def _service_timeout(props: Record) -> float:
    try:
        seconds = int(props.get("ServiceTimeout") or 3600)
    except ValueError:
        raise ValueError("ServiceTimeout must be a number of seconds.") from None
    if not 1 <= seconds <= 3600:
        raise ValueError("ServiceTimeout must be between 1 and 3600 seconds.")
    return seconds


# --- the function ----------------------------------------------------------------------------------------


def _lifecycle() -> dict[str, Any]:
    text = (files.files("cfnlint.data.AdditionalSpecs") / "LmbdRuntimeLifecycle.json").read_text()
    return dict(json.loads(text))


_RUNTIMES = _lifecycle()


def runtime_refusal(runtime: str, deed: str) -> str:
    """Lambda's sentence when it no longer lets a function of this runtime be created or updated; else empty."""
    if not runtime or runtime.startswith("provided"):
        return ""
    life = _RUNTIMES.get(runtime)
    if life is None:
        return f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set"
    blocked = life.get(f"{deed}-block")
    if not blocked or datetime.date.fromisoformat(blocked) > datetime.datetime.now(datetime.UTC).date():
        return ""
    return (f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            f"functions. We recommend you use {life.get('successor') or 'a supported runtime'} while creating or "
            "updating functions.")


def _role_refusal(role_arn: str) -> str:
    from ministack.services import iam

    role = iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rsplit("/", 1)[-1]) if role_arn.count(
        ":") >= 5 else None
    if role is None or "lambda.amazonaws.com" not in role["AssumeRolePolicyDocument"]:
        return "The role defined for the function cannot be assumed by Lambda."
    return ""


def _create_function(original: Any) -> Any:
    def create(logical_id: str, props: Record, stack_name: str) -> Any:
        refusal = runtime_refusal(props.get("Runtime", ""), "create") or _role_refusal(str(props.get("Role", "")))
        if refusal:
            raise ValueError(callers.from_handler(refusal, "lambda", 400, "InvalidRequest"))
        name = props.get("FunctionName")
        if name and name in lambda_svc._functions:
            raise ValueError(callers.from_handler(f"Function already exist: {name}", "lambda", 409, "AlreadyExists"))
        code = props.get("Code") or {}
        if code.get("S3Bucket") and lambda_svc._fetch_code_from_s3(
                code["S3Bucket"], code.get("S3Key"), version_id=code.get("S3ObjectVersion")) is None:
            raise ValueError(callers.from_handler(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does "
                "not exist.", "lambda", 400, "InvalidRequest"))
        return original(logical_id, props, stack_name)

    return create


def _update_function(original: Any) -> Any:
    def update(physical_id: str, old_props: Record, new_props: Record, *rest: Any) -> Any:
        refusal = runtime_refusal(new_props.get("Runtime", ""), "update") or _role_refusal(
            str(new_props.get("Role", "")))
        if refusal:
            raise ValueError(callers.from_handler(refusal, "lambda", 400, "InvalidRequest"))
        return original(physical_id, old_props, new_props, *rest)

    return update


_pace: contextvars.ContextVar[float] = contextvars.ContextVar("pace", default=1.0)
"""How much faster than we the function that is being started lives."""


def _on_the_clock(original: Any) -> Any:
    """A worker's time-out counts on the clock."""

    def invoke(self: Any, *arguments: Any, **keywords: Any) -> Any:
        stated = self.config
        timeout = float(stated.get("Timeout") or 3)
        self.config = {**stated, "Timeout": real_seconds(timeout)}
        _pace.set(timeout / real_seconds(timeout))
        try:
            result = original(self, *arguments, **keywords)
        finally:
            self.config = stated
        if str(result.get("error", "")).startswith("Task timed out"):
            result["error"] = f"Task timed out after {timeout:.2f} seconds"
        return result

    return invoke


# Before the handler's module is loaded its process learns its pace: its sleeps and its waiting for other threads
# are shorter, what it measures and the time it has left are longer. Time stamps stay real, for signatures.
_LIVE_FASTER = """
import sys, threading, time
sys.path.append({modules!r})
_pace = {pace!r}
if _pace != 1:
    _sleep, _monotonic, _wait, _start = time.sleep, time.monotonic, threading.Condition.wait, time.monotonic()
    time.sleep = lambda seconds: _sleep(seconds / _pace)
    time.monotonic = lambda: _start + (_monotonic() - _start) * _pace
    threading.Condition.wait = lambda self, timeout=None: _wait(
        self, None if timeout is None else timeout / _pace)
"""


def _living_faster(original: Any) -> Any:
    modules = str(files.files("sandbox") / "lambda_modules")

    def detect(runtime: str) -> tuple[str, str]:
        binary, script = original(runtime)
        if not runtime.startswith("python"):
            return binary, script
        left = "(_deadline - time.time()) * 1000"
        if left not in script:
            raise RuntimeError("ministack's worker script has changed: no remaining time found in it.")
        return binary, _LIVE_FASTER.format(modules=modules, pace=_pace.get()) + script.replace(left, left + " * _pace")

    return detect


def _delete_function(original: Any) -> Any:
    def delete(physical_id: str, props: Record) -> Any:
        original(physical_id, props)
        # Its warm process would live on otherwise.
        lambda_svc.invalidate_worker(physical_id)

    return delete


def install() -> None:
    """Replace the invocation of custom resources; wrap function handlers and the worker that runs the code."""
    custom_resource.invoke_custom_resource = invoke_custom_resource
    handler = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    handler["create"] = _create_function(handler["create"])
    handler["update"] = _update_function(handler["update"])
    handler["delete"] = _delete_function(handler["delete"])
    lambda_runtime.Worker.invoke = _on_the_clock(lambda_runtime.Worker.invoke)
    lambda_runtime._detect_runtime_binary = _living_faster(lambda_runtime._detect_runtime_binary)
