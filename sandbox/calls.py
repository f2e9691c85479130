"""What does a request ask for, and who asks? Reads an HTTP request as AWS would, before ministack sees it."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from ministack import app as ministack_app
from ministack.core import iam_actions, iam_evaluator, responses, router

_READING = re.compile(r"(Get|List|Describe|Head|Lookup|Simulate|Validate|Estimate|Decode|AssumeRole)")
_STACK_ARN = re.compile(r"arn:aws:cloudformation:[^:]*:\d{12}:stack/([^/]+)/")


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `account` and `principal` are empty when the access key is unknown."""

    request_id: str
    received_at: float
    method: str
    path: str
    headers: Mapping[str, str]
    service: str
    action: str
    region: str
    access_key_id: str
    account: str
    principal: str
    stack: str
    resource: str
    user_agent: str

    @property
    def writes(self) -> bool:
        """Whether it would change something at AWS; assuming a role doesn't."""
        return not _READING.match(self.action)


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope.get("headers", []):
        headers[name.decode("latin-1").lower()] = value.decode("latin-1")
    return headers


def _who(access_key_id: str) -> tuple[str, str]:
    """Account and principal ARN of a key, expired or not; empty for a key that nobody has."""
    try:
        responses.set_request_account_id(ministack_app._request_account_scope(access_key_id))
        identity = iam_evaluator.resolve_caller_identity(access_key_id)
    except iam_evaluator.AmbiguousAccessKeyError:
        return "", ""
    return (identity["accountId"], identity["userArn"]) if identity else ("", "")


def stack_named(parameters: Mapping[str, Any]) -> str:
    """The name of the stack that a request is about, empty when about none."""
    value = (parameters.get("StackName") or parameters.get("StackId") or [""])[0]
    found = _STACK_ARN.match(value)
    return found.group(1) if found else value


def read_call(scope: Mapping[str, Any], body: bytes) -> Call:
    """The call that this request makes. Never fails: what can't be read stays empty."""
    headers = _headers(scope)
    method, path = scope["method"], scope["path"]
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    parameters = ministack_app._routing_params(method, path, headers, body, query)
    service = router.detect_service(method, path, headers, parameters)
    region = router.extract_region(headers, query)
    access_key_id = router.extract_access_key_id(headers, query)
    account, principal = _who(access_key_id) if access_key_id else ("", "")
    action = iam_actions.extract_iam_action(service, method, path, headers, body, parameters) or ""
    try:
        resource = iam_actions.extract_resource_arn(
            service, method, path, headers, body, parameters, region, account
        )
    except (KeyError, ValueError, TypeError):
        resource = "*"
    return Call(
        request_id=str(uuid.uuid4()),
        received_at=time.time(),
        method=method,
        path=unquote(path),
        headers=headers,
        service=service,
        action=action.partition(":")[2],
        region=region,
        access_key_id=access_key_id,
        account=account,
        principal=principal,
        stack=stack_named(parameters) if service == "cloudformation" else "",
        resource=resource,
        user_agent=headers.get("user-agent", ""),
    )
