"""How does each AWS service word a refusal, and in which protocol?

Codes by service protocol as AWS uses them; the same situation has up to four spellings.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_actions

from sandbox.calls import Call

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a service answers instead of a result."""

    code: str
    message: str
    status: int = 400


@dataclass(frozen=True, slots=True)
class _Spellings:
    query: Refusal
    ec2: Refusal
    json: Refusal
    s3: Refusal


EXPIRED = _Spellings(
    Refusal("ExpiredToken", "The security token included in the request is expired", 403),
    Refusal("RequestExpired", "Request has expired.", 400),
    Refusal("ExpiredTokenException", "The security token included in the request is expired", 400),
    Refusal("ExpiredToken", "The provided token has expired.", 400),
)
INVALID = _Spellings(
    Refusal("InvalidClientTokenId", "The security token included in the request is invalid.", 403),
    Refusal("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
    Refusal("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
    Refusal("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
)
THROTTLED = _Spellings(
    Refusal("Throttling", "Rate exceeded", 400),
    Refusal("RequestLimitExceeded", "Request limit exceeded.", 503),
    Refusal("ThrottlingException", "Rate exceeded", 400),
    Refusal("SlowDown", "Please reduce your request rate.", 503),
)
SERVER_ERROR = _Spellings(
    Refusal("InternalFailure", "The request processing has failed because of an unknown error.", 500),
    Refusal("InternalError", "An internal error has occurred", 500),
    Refusal("InternalFailure", "The request processing has failed because of an unknown error.", 500),
    Refusal("InternalError", "We encountered an internal error. Please try again.", 500),
)
SKEWED = _Spellings(
    Refusal("SignatureDoesNotMatch", "Signature expired: the request is earlier than the time allowed", 403),
    Refusal("RequestExpired", "Request has expired.", 400),
    Refusal(
        "InvalidSignatureException", "Signature expired: the request is earlier than the time allowed", 403
    ),
    Refusal(
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        403,
    ),
)

# The REST services with XML, S3 aside, wrap their errors as query services do.
_QUERY = {"cloudformation", "iam", "sns", "sts", "unknown_query", "route53", "cloudfront"}
_REST_JSON = {"lambda", "account"}
_SERVICE_OWN = {
    ("lambda", "ThrottlingException"): Refusal("TooManyRequestsException", "Rate exceeded", 429),
    ("iam", "InternalFailure"): Refusal(
        "ServiceFailure", "The request processing has failed because of an unknown error.", 500
    ),
}


def _family(call: Call) -> str:
    if call.service in _QUERY:
        return "query"
    if call.service in ("ec2", "s3"):
        return call.service
    if call.service in _REST_JSON or "x-amz-target" in call.headers:
        return "json"
    form = call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return "query" if form else "json"


def spelled(situation: _Spellings, call: Call) -> Refusal:
    """The refusal as the called service spells this situation."""
    refusal: Refusal = getattr(situation, _family(call))
    return _SERVICE_OWN.get((call.service, refusal.code), refusal)


def denied(call: Call, reason: str) -> Refusal:
    """Not authorized; `reason` is AWS's ending: "with an explicit deny in a service control policy"."""
    action = f"{iam_actions.SERVICE_TO_IAM_NAMESPACE.get(call.service, call.service)}:{call.action}"
    on_resource = (
        "" if call.resource in ("", "*") and call.service == "ec2" else f" on resource: {call.resource}"
    )
    message = f"User: {call.principal} is not authorized to perform: {action}{on_resource} {reason}"
    match _family(call):
        case "ec2":
            return Refusal(
                "UnauthorizedOperation", f"You are not authorized to perform this operation. {message}", 403
            )
        case "json":
            return Refusal("AccessDeniedException", message, 400 if "x-amz-target" in call.headers else 403)
        case _:
            return Refusal("AuthorizationError" if call.service == "sns" else "AccessDenied", message, 403)


def answer(call: Call, refusal: Refusal) -> Answer:
    """The refusal as status, headers and body in the protocol of the called service."""
    headers = {"x-amzn-requestid": call.request_id, "x-amz-request-id": call.request_id}
    code, message = escape(refusal.code), escape(refusal.message)
    match _family(call):
        case "query":
            fault = "Sender" if refusal.status < 500 else "Receiver"
            namespace = iam_actions._QUERY_XML_NS.get(
                call.service, "http://webservices.amazon.com/doc/2010-05-08/"
            )
            body = (
                f'<ErrorResponse xmlns="{namespace}"><Error><Type>{fault}</Type><Code>{code}</Code>'
                f"<Message>{message}</Message></Error><RequestId>{call.request_id}</RequestId></ErrorResponse>"
            )
            return refusal.status, {**headers, "Content-Type": "text/xml"}, body.encode()
        case "ec2":
            body = (
                f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{code}</Code>'
                f"<Message>{message}</Message></Error></Errors><RequestID>{call.request_id}</RequestID></Response>"
            )
            return refusal.status, {**headers, "Content-Type": "text/xml;charset=UTF-8"}, body.encode()
        case "s3":
            body = (
                f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
                f"<Message>{message}</Message>"
                f"<RequestId>{call.request_id}</RequestId></Error>"
            )
            return refusal.status, {**headers, "Content-Type": "application/xml"}, body.encode()
        case _:
            rest = "x-amz-target" not in call.headers
            content_type = "application/json" if rest else "application/x-amz-json-1.1"
            document = json.dumps({"__type": refusal.code, "message": refusal.message})
            return (
                refusal.status,
                {**headers, "Content-Type": content_type, "x-amzn-ErrorType": refusal.code},
                document.encode(),
            )


def _name_the_resource(respond: Callable[..., Any]) -> Callable[..., Any]:
    def access_denied_response(
        service: str,
        action: str,
        principal_arn: str,
        request_id: str,
        *,
        error_code: str = "",
        message: str = "",
        resource_arn: str = "*",
        explicit_deny: bool = False,
        resource_policy_arn: str = "",
        **rest: Any,
    ) -> Any:
        if not (error_code or message or resource_policy_arn or service == "ec2"):
            message = iam_actions.identity_denial_message(action, principal_arn, resource_arn, explicit_deny)
        return respond(
            service,
            action,
            principal_arn,
            request_id,
            error_code=error_code,
            message=message,
            resource_arn=resource_arn,
            explicit_deny=explicit_deny,
            resource_policy_arn=resource_policy_arn,
            **rest,
        )

    return access_denied_response


def install() -> None:
    """AWS names the resource in its denials, ministack mostly doesn't; app.py looks this up at each call."""
    iam_actions.access_denied_response = _name_the_resource(iam_actions.access_denied_response)
