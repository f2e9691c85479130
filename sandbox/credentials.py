"""What may each kind of credentials do?

Adds what ministack's STS leaves out: limits of duration, role chaining, regions where the role's account has
no STS, sessions without MFA and federation tokens that can't reach IAM, version 1 tokens that fail in opt-in
regions.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_evaluator, responses, router
from ministack.services import iam, sts

from sandbox import regions
from sandbox.calls import Call
from sandbox.refusals import INVALID, Answer, Refusal, answer, spelled

_KEPT_AFTER_EXPIRY_SECONDS = 12 * 3600
_NEW_KEY = re.compile(rb"<AccessKeyId>(ASIA\w+)</AccessKeyId>")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)


def _session(access_key_id: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = sts._sessions.get(access_key_id) or {}
    return found


def may_use_iam(access_key_id: str) -> bool:
    """Whether AWS lets these credentials call IAM at all, directly or through a stack.

    A user's session needs MFA; a federation token never may.
    """
    session = _session(access_key_id)
    if session.get("PrincipalType") == "FederatedUser":
        return False
    return session.get("PrincipalType") not in ("User", "Root") or bool(session.get("MultiFactor"))


# What sessions of GetSessionToken and GetFederationToken reach of STS, whatever their policies say.
_STS_OF_SESSIONS = {
    "User": {"GetCallerIdentity", "AssumeRole"},
    "Root": {"GetCallerIdentity", "AssumeRole"},
    "FederatedUser": {"GetCallerIdentity"},
}


def refusal(call: Call) -> Refusal | None:
    """What the call is answered because of the kind of its credentials, None when they will do."""
    if call.access_key_id in ("test", ""):
        # ministack's own default key; nobody has it at AWS. Requests without a key are its to judge.
        return spelled(INVALID, call) if call.access_key_id else None
    session = _session(call.access_key_id)
    if not session or sts._session_expired(session):
        return None
    if session.get("V1") and call.region in regions.OPT_IN_REGIONS:
        if call.service == "s3":
            return Refusal("InvalidToken", "The provided token is malformed or otherwise invalid.", 400)
        return spelled(INVALID, call)
    if call.service == "iam" and not may_use_iam(call.access_key_id):
        return spelled(INVALID, call)
    offered = _STS_OF_SESSIONS.get(session.get("PrincipalType", ""))
    if call.service == "sts" and offered is not None and call.action not in offered:
        return Refusal("AccessDenied", f"Cannot call {call.action} with session credentials", 403)
    return None


def _validation(name: str, value: str, constraint: str) -> Refusal:
    return Refusal(
        "ValidationError",
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy "
        f"constraint: {constraint}",
    )


def _parameters_refused(asked: Mapping[str, str]) -> Refusal | None:
    duration = asked.get("DurationSeconds", "3600")
    if not duration.isdigit() or int(duration) < 900:
        return _validation("durationSeconds", duration, "Member must have value greater than or equal to 900")
    if int(duration) > 43200:
        return _validation("durationSeconds", duration, "Member must have value less than or equal to 43200")
    if not _SESSION_NAME.fullmatch(asked.get("RoleSessionName", "")):
        return _validation(
            "roleSessionName",
            asked.get("RoleSessionName", ""),
            "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        )
    if "ExternalId" in asked and not _EXTERNAL_ID.fullmatch(asked["ExternalId"]):
        return _validation(
            "externalId",
            asked["ExternalId"],
            "Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*",
        )
    return None


def _role_refused(call: Call, asked: Mapping[str, str]) -> Refusal | None:
    role_arn = asked.get("RoleArn", "")
    owner = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    if call.principal.endswith(":root"):
        return Refusal("AccessDenied", "Roles may not be assumed by root accounts.", 403)
    if owner and not regions.is_enabled(owner, call.region):
        return Refusal(
            "RegionDisabledException",
            f"STS is not activated in this region for account:{owner}. Your account "
            "administrator can activate STS in this region using the IAM Console.",
            403,
        )
    if owner and iam._roles.get_scoped(owner, None, role_arn.rsplit("/", 1)[-1]) is None:
        # AWS tells a missing role and a refusing one apart to nobody.
        return Refusal(
            "AccessDenied",
            f"User: {call.principal} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
            403,
        )
    return None


def _duration_refused(call: Call, asked: Mapping[str, str]) -> Refusal | None:
    duration = int(asked.get("DurationSeconds", "3600"))
    role_arn = asked["RoleArn"]
    role = iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rsplit("/", 1)[-1])
    if ":assumed-role/" in call.principal and duration > 3600:
        return Refusal(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles "
            "assumed by role chaining",
        )
    if duration > int(role.get("MaxSessionDuration") or 3600):
        return Refusal(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return None


Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]


def _call(method: str, path: str, headers: dict[str, str], action: str) -> Call:
    key = router.extract_access_key_id(headers)
    identity = sts.resolve_credential(key, responses.get_account_id())
    return Call(
        request_id=responses.new_uuid(),
        received_at=time.time(),
        method=method,
        path=path,
        headers=headers,
        service="sts",
        action=action,
        region=responses.get_region(),
        access_key_id=key,
        account=responses.get_account_id(),
        principal=getattr(identity, "principal_arn", ""),
        stack="",
        resource="*",
        user_agent="",
    )


def _stricter(handle: Handler) -> Handler:
    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Answer:
        given = {**query, **parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)}
        asked = {name: values[0] for name, values in given.items()}
        call = _call(method, path, headers, asked.get("Action", ""))
        if call.action == "AssumeRole":
            refused = _parameters_refused(asked) or _role_refused(call, asked)
            if refused is not None:
                return answer(call, refused)
        answered = await handle(method, path, headers, body, query)
        if answered[0] != 200:
            return answered
        if call.action == "AssumeRole" and (refused := _duration_refused(call, asked)) is not None:
            # Only now: AWS says so to those alone who may assume the role.
            return answer(call, refused)
        made = _NEW_KEY.search(answered[2])
        if call.action == "GetSessionToken" and made and asked.get("SerialNumber") and asked.get("TokenCode"):
            sts._sessions[made.group(1).decode()]["MultiFactor"] = True
        return answered

    return handle_request


def _forget_long_expired() -> None:
    """ministack drops sessions as they expire, which turns "expired" into "unknown"."""
    before = time.time() - _KEPT_AFTER_EXPIRY_SECONDS
    for key, session in list(sts._sessions.items()):
        if isinstance(session.get("Expiration"), int | float) and session["Expiration"] < before:
            sts._sessions.pop(key, None)


def _role_behind(resolve: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    def resolve_condition_key(key: str, context: Any) -> Any:
        found = resolve(key, context)
        if key.lower() != "aws:principalarn" or ":assumed-role/" not in str(found):
            return found
        account, name = found.split(":")[4], found.split("/")[1]
        role = iam._roles.get_scoped(account, None, name)
        return role["Arn"] if role else f"arn:aws:iam::{account}:role/{name}"

    return resolve_condition_key


def install() -> None:
    """Stand in front of STS; its router looks `handle_request` up in the module at each call.

    And let `aws:PrincipalArn` be the role of an assumed-role session, as AWS documents it: ministack compares
    conditions with the session's ARN. Its evaluator looks the resolver up by name at each condition.
    """
    sts.handle_request = _stricter(sts.handle_request)
    sts._evict_expired_sessions = _forget_long_expired
    iam_evaluator._resolve_condition_key = _role_behind(iam_evaluator._resolve_condition_key)
