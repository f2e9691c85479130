"""What does CloudFormation refuse or answer before anything happens in a stack?

Wraps ministack's request handlers: names that are taken, states in which a stack can't be changed or
deleted, tokens that come again, service roles, templates that the caller may not read.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import unquote, urlsplit

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudformation, iam, s3
from ministack.services.cloudformation import changesets, handlers, helpers
from ministack.services.cloudformation.helpers import _error, _extract_string_members, _p, _xml

from sandbox import callers, events, operations
from sandbox.events import Record

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[Parameters], Answer]

UPDATABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)

_tokens: dict[tuple[str, str, str], tuple[str, str, Answer]] = {}


def _invalid(message: str) -> Answer:
    answer: Answer = _error("ValidationError", message)
    return answer


def _answering_tokens(action: str, handler: Handler) -> Handler:
    """A token that comes again with the same request gets the first answer; with another, a refusal."""

    @wraps(handler)
    def answer(params: Parameters) -> Answer:
        token = _p(params, "ClientRequestToken")
        if not token:
            return handler(params)
        key = (get_account_id(), get_region(), token)
        content = json.dumps(
            {k: v for k, v in params.items() if not k.startswith("X-Amz")}, sort_keys=True, default=str
        )
        if key in _tokens:
            first_action, first_content, first = _tokens[key]
            if (first_action, first_content) == (action, content):
                return first
            refusal: Answer = _error(
                "TokenAlreadyExistsException",
                f"Client request token {token} has already been used by another operation.",
            )
            return refusal
        result = handler(params)
        if result[0] == 200:
            _tokens[key] = (action, content, result)
        return result

    return answer


def _service_role_refusal(params: Parameters) -> Answer | None:
    role_arn = _p(params, "RoleARN")
    if not role_arn:
        return None
    try:
        callers.require("iam:PassRole", role_arn, iam__PassedToService=callers.CALLED_VIA)
    except callers.Refused as refused:
        denied: Answer = _error("AccessDenied", str(refused), 403)
        return denied
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    return _unusable_role(role_arn, iam._roles.get_scoped(account, None, name))


def _unusable_role(role_arn: str, role: Record | None) -> Answer | None:
    trust = json.loads(role["AssumeRolePolicyDocument"]) if role else {}
    statements = trust.get("Statement") or []
    for statement in [statements] if isinstance(statements, dict) else statements:
        service = (statement.get("Principal") or {}).get("Service") or []
        if statement.get("Effect") == "Allow" and callers.CALLED_VIA in (
            [service] if isinstance(service, str) else service
        ):
            return None
    return _invalid(f"Role {role_arn} is invalid or cannot be assumed")


def _stored_role_refusal(stack: Record) -> Answer | None:
    role_arn = stack.get("RoleARN")
    if not role_arn:
        return None
    return _unusable_role(
        role_arn, iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rsplit("/", 1)[-1])
    )


def _create_stack(original: Handler) -> Handler:
    def create_stack(params: Parameters) -> Answer:
        name = _p(params, "StackName")
        minutes = _p(params, "TimeoutInMinutes")
        if minutes and (not minutes.isdigit() or int(minutes) < 1):
            return _invalid(
                f"1 validation error detected: Value '{minutes}' at 'timeoutInMinutes' failed to satisfy "
                "constraint: Member must have value greater than or equal to 1"
            )
        if name in cloudformation._stacks:
            taken: Answer = _error("AlreadyExistsException", f"Stack [{name}] already exists")
            return taken
        if refusal := _service_role_refusal(params):
            return refusal
        answer = original(params)
        stack = cloudformation._stacks.get(name)
        if answer[0] == 200 and stack:
            stack["RoleARN"] = _p(params, "RoleARN")
            stack["TimeoutInMinutes"] = int(minutes or 0)
            stack["LastUpdatedTime"] = ""
        return answer

    return create_stack


def _update_stack(original: Handler) -> Handler:
    def update_stack(params: Parameters) -> Answer:
        stack = handlers._resolve_stack(_p(params, "StackName"))
        if stack and stack["StackStatus"] != "DELETE_COMPLETE":
            if stack["StackStatus"] not in UPDATABLE:
                return _invalid(
                    f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be updated."
                )
            if refusal := _service_role_refusal(params) or (
                None if _p(params, "RoleARN") else _stored_role_refusal(stack)
            ):
                return refusal
            stack["RoleARN"] = _p(params, "RoleARN") or stack.get("RoleARN", "")
        return original(params)

    return update_stack


def _importers(stack: Record) -> list[tuple[str, str]]:
    """(export, stack that uses it)."""
    exports = {o["ExportName"] for o in stack.get("Outputs") or [] if o.get("ExportName")}
    return [
        (export, other["StackName"])
        for other in list(cloudformation._stacks.values())
        if exports and other is not stack and not other["StackStatus"].startswith("DELETE_")
        for export in sorted(exports & handlers._imported_export_names(other, other["StackName"]))
    ]


def _protected(stack: Record) -> bool:
    """Whether the stack, or the one it is nested in, must not be deleted."""
    root = handlers._resolve_stack(stack.get("RootId") or "") or stack
    return bool(stack.get("EnableTerminationProtection") or root.get("EnableTerminationProtection"))


def _delete_refusal(stack: Record, params: Parameters) -> Answer | None:
    name, status = stack["StackName"], stack["StackStatus"]
    if _protected(stack):
        return _invalid(f"Stack [{name}] cannot be deleted while TerminationProtection is enabled")
    if status.endswith("_IN_PROGRESS") and status not in ("CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"):
        return _invalid(f"Stack [{name}] cannot be deleted while in status {status}")
    retained = _extract_string_members(params, "RetainResources")
    if retained and status != "DELETE_FAILED":
        return _invalid(
            f"Invalid operation on stack [{stack['StackId']}]. RetainResources can only be specified when "
            "the stack is in the DELETE_FAILED state."
        )
    return _service_role_refusal(params) or (None if _p(params, "RoleARN") else _stored_role_refusal(stack))


def _delete_stack(original: Handler) -> Handler:
    def delete_stack(params: Parameters) -> Answer:
        stack = handlers._resolve_stack(_p(params, "StackName"))
        done: Answer = _xml(200, "DeleteStackResponse", "")
        if not stack or stack["StackStatus"] in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
            return done
        if refusal := _delete_refusal(stack, params):
            return refusal
        for export, other in _importers(stack):
            before = stack["StackStatus"]
            events.tell_stack(stack, "DELETE_IN_PROGRESS", "User Initiated")
            events.tell_stack(
                stack, before, f"Delete canceled. Cannot delete export {export} as it is in use by {other}."
            )
            return done
        stack["RoleARN"] = _p(params, "RoleARN") or stack.get("RoleARN", "")
        # Ours: no second deletion may start before the task has had its first turn.
        answer = original(params)
        if answer[0] == 200:
            stack["StackStatus"] = "DELETE_IN_PROGRESS"
        return answer

    return delete_stack


def _cancel_update(original: Handler) -> Handler:
    def cancel(params: Parameters) -> Answer:
        stack = handlers._resolve_stack(_p(params, "StackName"))
        answer = original(params)
        running = operations.running(stack["StackId"]) if stack else None
        if answer[0] == 200 and running:
            running.stop("User Initiated")
        return answer

    return cancel


def object_of(url: str) -> tuple[str, str] | None:
    """Bucket and key of an https S3 address, in path or virtual-host style; None for any other address."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    if host.endswith(".amazonaws.com") and parts.scheme == "https":
        bucket, dot_s3, _ = host.partition(".s3")
        if dot_s3:
            return bucket, path
        if not host.startswith("s3"):
            return None
    elif host not in ("localhost", "127.0.0.1"):
        return None
    bucket, _, key = path.partition("/")
    return (bucket, key) if bucket and key else None


def _resolve_document(original: Any) -> Any:
    def resolve(params: Parameters, body_key: str, url_key: str, label: str) -> Any:
        url = _p(params, url_key)
        if not url or _p(params, body_key):
            return original(params, body_key, url_key, label)
        place = object_of(url)
        if place is None:
            return None, _invalid(f"{url_key} must be a supported URL.")
        bucket, key = place
        if not _may_read(bucket, key):
            return None, _invalid(
                "S3 error: Access Denied\nFor more information check "
                "http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
            )
        return original({url_key: [f"http://localhost/{bucket}/{key}"]}, body_key, url_key, label)

    return resolve


def _may_read(bucket: str, key: str) -> bool:
    """Whether the caller's own rights or the bucket's policy let CloudFormation read the template for it."""
    arn = f"arn:aws:s3:::{bucket}/{key}"
    caller = callers.CALLER.get()
    if caller is None:
        return True
    if s3._get_object_data(bucket, key) is None:
        return False
    try:
        callers.require("s3:GetObject", arn)
    except callers.Refused:
        return iam_evaluator.enforce(caller.access_key, "s3:GetObject", "s3", get_region(), arn) is None
    return True


def _forgetting(original: Callable[[], None]) -> Callable[[], None]:
    def reset() -> None:
        operations.forget_all()
        _tokens.clear()
        original()

    return reset


_WRAPPED: dict[str, Callable[[Handler], Handler]] = {
    "CreateStack": _create_stack,
    "UpdateStack": _update_stack,
    "DeleteStack": _delete_stack,
    "CancelUpdateStack": _cancel_update,
}


def install() -> None:
    """Wrap the entries of ministack's table of actions."""
    from sandbox import descriptions

    actions = cloudformation._ACTION_HANDLERS
    for action, wrap in _WRAPPED.items():
        actions[action] = wrap(actions[action])
    for action in cloudformation._TOKEN_ACTIONS & actions.keys():
        actions[action] = _answering_tokens(action, actions[action])
    for action, handler in descriptions.HANDLERS.items():
        actions[action] = handler(actions[action])
    handlers._resolve_stack = descriptions.resolve
    cloudformation.reset = _forgetting(cloudformation.reset)
    resolve = _resolve_document(helpers._resolve_document)
    for module in (helpers, handlers, changesets):
        if hasattr(module, "_resolve_document"):
            module._resolve_document = resolve
