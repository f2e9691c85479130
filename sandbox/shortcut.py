"""How is a question answered that is asked hundreds of thousands of times? Past router and judges.

For accounts with scripted regions only, and for the few readings that the portal does again and again. The
first question of that kind with these credentials goes the whole way: signature, rights and all. Once it was
answered well, the next ones go straight to the function that answers, which is the same. A key that is
unknown, expired or of a kind with limits, a region that isn't enabled, any fault in force: those go the whole
way each time.
"""

import re
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

from ministack.core import responses
from ministack.services import cloudformation, cloudtrail, sts

from sandbox import faults, regions, scripted
from sandbox.calls import Call, stack_named
from sandbox.refusals import Answer

_CREDENTIAL = re.compile(rb"Credential=([^/]+)/\d+/([a-z0-9-]+)/(cloudformation|cloudtrail)/aws4_request")
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")

READINGS = {
    "cloudformation": frozenset(
        {"DescribeStackEvents", "DescribeStacks", "ListStackResources", "ListStacks"}
    ),
    "cloudtrail": frozenset({"DescribeTrails", "GetTrailStatus"}),
}

# Credentials and what they were seen to be allowed to ask.
_allowed: set[tuple[str, str]] = set()


def learn(call: Call, *, status: int) -> None:
    """Remember that this was asked in the ordinary way, and answered."""
    if status == 200 and call.action in READINGS.get(call.service, ()) and scripted.is_scripted(call.account):
        _allowed.add((call.access_key_id, call.action))


def read(scope: Any, body: bytes) -> Call | None:
    """The call, when it may take the shortcut."""
    headers = {name: value for name, value in scope["headers"] if name in _READ}
    found = _CREDENTIAL.search(headers.get(b"authorization", b""))
    if found is None or faults.listed():
        return None
    key, region, service = (part.decode() for part in found.groups())
    if service == "cloudtrail":
        action = headers.get(b"x-amz-target", b"").rpartition(b".")[2].decode()
    else:
        asked = _ACTION.search(body)
        action = asked[1].decode() if asked else ""
    if (key, action) not in _allowed:
        return None
    session = sts._sessions.get(key)
    # Those of functions tell no account: they go the whole way too.
    if session is None or "AccountId" not in session or sts._session_expired(session) or session.get("V1"):
        return None
    account = session["AccountId"]
    if not scripted.is_scripted(account) or not regions.is_enabled(account, region):
        return None
    if headers.get(b"x-amz-security-token", b"").decode() != session["SessionToken"]:
        return None
    return Call(
        request_id=str(uuid.uuid4()),
        received_at=time.time(),
        method=scope["method"],
        path=scope["path"],
        headers={name.decode(): value.decode("latin-1") for name, value in headers.items()},
        service=service,
        action=action,
        region=region,
        access_key_id=key,
        account=account,
        principal=session["Arn"],
        stack=stack_named(parse_qs(body.decode())) if service == "cloudformation" else "",
        resource="*",
        user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
    )


_READ = frozenset(
    {b"authorization", b"content-type", b"user-agent", b"x-amz-security-token", b"x-amz-target"}
)


async def answer(call: Call, body: bytes) -> Answer:
    """The same answer as on the long way."""
    service: Any = cloudtrail if call.service == "cloudtrail" else cloudformation
    with responses.request_scope(call.account, call.region):
        status, headers, content = await service.handle_request(
            call.method, call.path, call.headers, body, {}
        )
    return status, {**headers, "x-amzn-requestid": call.request_id}, content


def clear() -> None:
    """Forget what was seen."""
    _allowed.clear()
