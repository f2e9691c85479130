"""How does a Lambda function run in the stand-in, and which functions does Lambda refuse?

The function's own code runs in a process of its own, with its execution role's credentials, and calls the
stand-in like anyone else. It lives as much faster as the clock is faster.
"""

import contextvars
import datetime as dt
import json
from importlib import resources as files
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import error_response_json
from ministack.services import iam, lambda_svc
from ministack.services.cloudformation import provisioners

from sandbox import callers, clock
from sandbox.events import Record

REAL_SECONDS_AT_LEAST = 30.0
"""However fast the clock: Python has to start and call the stand-in in real time. Shorter time-outs than this
are taken as real seconds."""


def real_seconds(stand_in_seconds: float) -> float:
    """How long a time-out of so many stand-in seconds really lasts."""
    return max(stand_in_seconds / clock.speed(), min(stand_in_seconds, REAL_SECONDS_AT_LEAST))


def _lifecycle() -> dict[str, Any]:
    text = (files.files("cfnlint.data.AdditionalSpecs") / "LmbdRuntimeLifecycle.json").read_text()
    return dict(json.loads(text))


_RUNTIMES = _lifecycle()


def runtime_refusal(runtime: str, deed: str) -> str:
    """Lambda's sentence when functions of this runtime can no longer be created or updated; else empty."""
    if not runtime or runtime.startswith("provided"):
        return ""
    life = _RUNTIMES.get(runtime)
    if life is None:
        return (
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set"
        )
    blocked = life.get(f"{deed}-block")
    if not blocked or dt.date.fromisoformat(blocked) > dt.datetime.now(dt.UTC).date():
        return ""
    return (
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
        f"functions. We recommend you use {life.get('successor') or 'a supported runtime'} while creating or "
        "updating functions."
    )


def _role_refusal(role_arn: str) -> str:
    role = (
        iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rsplit("/", 1)[-1])
        if role_arn.count(":") >= 5
        else None
    )
    if role is None or "lambda.amazonaws.com" not in role["AssumeRolePolicyDocument"]:
        return "The role defined for the function cannot be assumed by Lambda."
    return ""


def _create_function(original: Any) -> Any:
    def create(logical_id: str, props: Record, stack_name: str) -> Any:
        refusal = runtime_refusal(props.get("Runtime", ""), "create") or _role_refusal(
            str(props.get("Role", ""))
        )
        if refusal:
            raise ValueError(callers.from_handler(refusal, "lambda", 400, "InvalidRequest"))
        name = props.get("FunctionName")
        if name and name in lambda_svc._functions:
            raise ValueError(
                callers.from_handler(f"Function already exist: {name}", "lambda", 409, "AlreadyExists")
            )
        code = props.get("Code") or {}
        if (
            code.get("S3Bucket")
            and lambda_svc._fetch_code_from_s3(
                code["S3Bucket"], code.get("S3Key"), version_id=code.get("S3ObjectVersion")
            )
            is None
        ):
            raise ValueError(
                callers.from_handler(
                    "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The "
                    "specified key does not exist.",
                    "lambda",
                    400,
                    "InvalidRequest",
                )
            )
        return original(logical_id, props, stack_name)

    return create


def _create_by_call(original: Any) -> Any:
    def create(data: Record) -> Any:
        refusal = runtime_refusal(data.get("Runtime", ""), "create") or _role_refusal(
            str(data.get("Role", ""))
        )
        if refusal:
            return error_response_json("InvalidParameterValueException", refusal, 400)
        return original(data)

    return create


def _update_function(original: Any) -> Any:
    def update(physical_id: str, old_props: Record, new_props: Record, *rest: Any) -> Any:
        refusal = runtime_refusal(new_props.get("Runtime", ""), "update") or _role_refusal(
            str(new_props.get("Role", ""))
        )
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


# Before the handler's module is loaded its process learns its pace: its sleeps and its waiting for other
# threads are shorter, what it measures and the time it has left are longer. Time stamps stay real, for
# signatures.
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
        return binary, _LIVE_FASTER.format(modules=modules, pace=_pace.get()) + script.replace(
            left, left + " * _pace"
        )

    return detect


def _delete_function(original: Any) -> Any:
    def delete(physical_id: str, props: Record) -> Any:
        original(physical_id, props)
        # Its warm process would live on otherwise.
        lambda_svc.invalidate_worker(physical_id)

    return delete


def _release(worker: lambda_runtime.Worker | None) -> None:
    """End a function's process with its invocation.

    ministack keeps the first of each function for ever: fifty megabytes for every account that was onboarded,
    and each at the pace that the clock had when it was started.
    """
    if worker is None:
        return
    with lambda_runtime._lock:
        for key, warm in list(lambda_runtime._workers.items()):
            if worker in warm:
                warm.remove(worker)
                if not warm:
                    del lambda_runtime._workers[key]
    worker.kill()


def install() -> None:
    """Wrap the handlers of functions in stacks, and the worker that runs the code."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    handler["create"] = _create_function(handler["create"])
    handler["update"] = _update_function(handler["update"])
    handler["delete"] = _delete_function(handler["delete"])
    # CreateFunction is looked up anew for each call.
    lambda_svc._create_function = _create_by_call(lambda_svc._create_function)
    lambda_svc.release_worker = _release
    lambda_runtime.Worker.invoke = _on_the_clock(lambda_runtime.Worker.invoke)
    lambda_runtime._detect_runtime_binary = _living_faster(lambda_runtime._detect_runtime_binary)
