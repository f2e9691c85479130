"""What does a refusal mean? Translates AWS's and botocore's errors once, at the border.

Never lets a secret through: some of AWS's own messages repeat the request's headers, session token included.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ParamSpec, TypeVar

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from onboarding.aws import breaker
from onboarding.observed import Failure
from onboarding.states import FailureKind

P = ParamSpec("P")
T = TypeVar("T")

# Each service has its own spelling, and AWS's documentation names yet others: accept the union.
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
INVALID = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Forbidden",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
THROTTLED = frozenset(
    {
        "429",
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
INACTIVE = frozenset(
    {"AccountProblem", "Blocked", "OptInRequired", "PendingVerification", "SubscriptionRequiredException"}
)
NOT_FOUND = frozenset(
    {
        "404",
        "ChangeSetNotFound",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchEntityException",
        "NoSuchKey",
        "NotFound",
        "NotFoundException",
        "ResourceNotFoundException",
        "S3BucketDoesNotExistException",
        "TrailNotFoundException",
    }
)
CONFLICT = frozenset(
    {
        "AlreadyExistsException",
        "ConcurrentModification",
        "ConcurrentModificationException",
        "ConflictException",
        "DeleteConflict",
        "DeleteConflictException",
        "EntityAlreadyExists",
        "EntityAlreadyExistsException",
        "InvalidChangeSetStatus",
        "OperationAborted",
        "OperationInProgressException",
        "StaleRequestException",
        "TrailAlreadyExistsException",
    }
)
QUOTA = frozenset(
    {
        "LimitExceeded",
        "LimitExceededException",
        "MaximumNumberOfTrailsExceededException",
        "ServiceQuotaExceededException",
        "TagsLimitExceededException",
    }
)
REQUEST = frozenset(
    {
        "InsufficientCapabilitiesException",
        "InvalidAction",
        "InvalidInput",
        "MalformedPolicy",
        "MalformedPolicyDocument",
        "MalformedQueryString",
        "PackedPolicyTooLarge",
        "TokenAlreadyExistsException",
        "UnsupportedOperationException",
        "ValidationError",
        "ValidationException",
    }
)
UNREACHABLE = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    }
)

_KIND_OF_CODE: tuple[tuple[frozenset[str], FailureKind], ...] = (
    (EXPIRED, FailureKind.EXPIRED),
    (INVALID, FailureKind.INVALID_CREDENTIALS),
    (DENIED, FailureKind.DENIED),
    (THROTTLED, FailureKind.THROTTLED),
    (INACTIVE, FailureKind.ACCOUNT_INACTIVE),
    (NOT_FOUND, FailureKind.NOT_FOUND),
    (CONFLICT, FailureKind.CONFLICT),
    (QUOTA, FailureKind.QUOTA),
    (REQUEST, FailureKind.REQUEST),
    (UNREACHABLE, FailureKind.UNREACHABLE),
)

# A service or resource control policy is the organization's, whatever role we were given.
_BY_ORGANIZATION = re.compile(r"\b(service|resource) control polic(y|ies)\b", re.IGNORECASE)
_CLOCK = re.compile(r"signature (expired|not yet current)", re.IGNORECASE)
_STACK_IS_ABSENT = re.compile(r"\bdoes not exist\b")
_STACK_IS_NOT_READY = re.compile(
    r"cannot be deleted while|can ?not be updated|cannot be updated|TerminationProtection is enabled"
)

# From here on a message repeats what we sent: headers, and with them the session token.
_REPEATS_THE_REQUEST = re.compile(
    r"(The Canonical String for this request|The String-to-Sign|Authorization=|Encoded authorization failure"
    r"|x-amz-security-token).*",
    re.IGNORECASE | re.DOTALL,
)
LONGEST_MESSAGE = 1_000

# Everything that one botocore call is known to raise beside ClientError: time-outs and bad parameters
# (BotoCoreError), answers that don't parse (ResponseParserError; ValueError for bad times and numbers).
CALL_ERRORS = (ClientError, BotoCoreError, ResponseParserError, ValueError)

_CREDENTIALS_MISSING = (exceptions.NoCredentialsError, exceptions.PartialCredentialsError,
                        exceptions.CredentialRetrievalError, exceptions.ProfileNotFound)  # fmt: skip


# The codes that `translate` gives these.
IDENTITY_MISSING = frozenset(error.__name__ for error in _CREDENTIALS_MISSING)

# What a clock that is wrong can look like, and how wrong it must be.
_OF_THE_CREDENTIALS = frozenset({FailureKind.EXPIRED, FailureKind.INVALID_CREDENTIALS})
_MOST_SKEW = timedelta(minutes=5)


class AwsFailure(Exception):
    """AWS refused, or could not be understood. `failure` says how; str() holds its code and message only."""

    def __init__(self, failure: Failure) -> None:
        place = " ".join(part for part in (failure.service, failure.operation, failure.region) if part)
        super().__init__(f"{place or 'AWS'}: {failure.code}: {failure.message}")
        self.failure = failure


def classify(code: str, message: str = "", http_status: int = 0) -> FailureKind:
    """The kind of an error that AWS answered with."""
    if code == "RequestTimeTooSkewed" or (code in INVALID and _CLOCK.search(message)):
        return FailureKind.CLOCK_SKEW
    if code == "RegionDisabledException":
        return FailureKind.NOT_ENABLED
    if code in DENIED and _BY_ORGANIZATION.search(message):
        return FailureKind.DENIED_BY_ORGANIZATION
    if code == "ValidationError" and _STACK_IS_ABSENT.search(message):
        return FailureKind.NOT_FOUND
    if code == "ValidationError" and _STACK_IS_NOT_READY.search(message):
        return FailureKind.CONFLICT
    for codes, kind in _KIND_OF_CODE:
        if code in codes:
            return kind
    if code.startswith(("Invalid", "Malformed", "Insufficient")):
        return FailureKind.REQUEST
    return _kind_of_status(http_status)


def _kind_of_status(http_status: int) -> FailureKind:
    match http_status:
        case 403:
            return FailureKind.DENIED
        case 404:
            return FailureKind.NOT_FOUND
        case 429:
            return FailureKind.THROTTLED
        case status if status >= 500:
            return FailureKind.UNREACHABLE
        case _:
            return FailureKind.UNKNOWN


def translate(error: Exception, *, service: str = "", operation: str = "", region: str = "") -> Failure:
    """What `error` means. The message is AWS's own for a ClientError, else a sentence of ours."""
    if isinstance(error, ClientError):
        answer: Any = error.response.get("Error", {})
        metadata: Any = error.response.get("ResponseMetadata", {})
        code, message = str(answer.get("Code") or "Unknown"), str(answer.get("Message") or "")
        status = int(metadata.get("HTTPStatusCode") or 0)
        kind = classify(code, message, status)
        if kind in _OF_THE_CREDENTIALS and _is_our_clock_wrong(metadata.get("HTTPHeaders", {})):
            kind = FailureKind.CLOCK_SKEW
        return Failure(
            kind=kind, code=code, message=harmless(message), service=service,
            operation=operation or error.operation_name, region=region,
            request_id=str(metadata.get("RequestId") or ""),
        )  # fmt: skip
    kind, message = _without_answer(error)
    code = type(error).__name__
    return Failure(kind=kind, code=code, message=message, service=service, operation=operation, region=region)


def _is_our_clock_wrong(headers: Mapping[str, str]) -> bool:
    """Whether AWS's answer is dated further from our time than AWS lets signatures be.

    EC2 says RequestExpired of either: nobody's credentials are to blame for our clock.
    """
    try:
        said = parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return False
    return said.tzinfo is not None and abs(datetime.now(UTC) - said) > _MOST_SKEW


def harmless(message: str) -> str:
    """The message without any part that repeats the request, shortened to what a person reads."""
    return _REPEATS_THE_REQUEST.sub("", message).strip()[:LONGEST_MESSAGE]


def _without_answer(error: Exception) -> tuple[FailureKind, str]:
    """For errors that botocore raises itself. Their texts can hold header values, so none is passed on."""
    match error:
        case exceptions.ReadTimeoutError() | exceptions.ConnectTimeoutError():
            return FailureKind.UNREACHABLE, "AWS did not answer in time."
        case exceptions.SSLError():
            return FailureKind.UNREACHABLE, "No trusted connection could be made."
        case exceptions.ParamValidationError():
            return FailureKind.REQUEST, "The request was not valid and was not sent."
        case exceptions.InvalidRegionError() | exceptions.UnknownRegionError():
            return FailureKind.REQUEST, "There is no such region."
        case _ if isinstance(error, _CREDENTIALS_MISSING):
            return FailureKind.OURS, "The portal's worker has no AWS identity of its own."
        case exceptions.HTTPClientError() | exceptions.ConnectionError():
            return FailureKind.UNREACHABLE, "AWS could not be reached."
        case ResponseParserError() | ValueError():
            return FailureKind.UNREADABLE, "AWS's answer could not be read."
        case _:
            return FailureKind.UNKNOWN, "The request failed before AWS answered."


def ask(method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call one method of a client; raise AwsFailure for whatever goes wrong.

    Raised outside the except block: chained, the original's text could bring a token into a traceback.
    """
    return _answer_of(
        lambda: method(*args, **kwargs), getattr(method, "__self__", None), getattr(method, "__name__", "")
    )


def collect(client: Any, pages: Iterable[T]) -> list[T]:
    """Every page of a paginator of `client`; raise AwsFailure for whatever goes wrong."""
    return _answer_of(lambda: list(pages), client, "")


def _answer_of(call: Callable[[], T], client: Any, method_name: str) -> T:
    service, region = _endpoint(client)
    if not breaker.lets_pass(service, region):
        raise AwsFailure(_paused(service, region))
    try:
        answer = call()
    except CALL_ERRORS as error:
        (breaker.silent if _is_silence(error) else breaker.heard)(service, region)
        failure = _translate_call(error, client, method_name)
    else:
        breaker.heard(service, region)
        return answer
    raise AwsFailure(failure)


def _is_silence(error: Exception) -> bool:
    return isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError))


def _endpoint(client: Any) -> tuple[str, str]:
    meta = getattr(client, "meta", None)
    return ("", "") if meta is None else (meta.service_model.service_name, meta.region_name or "")


def _paused(service: str, region: str) -> Failure:
    return Failure(
        kind=FailureKind.UNREACHABLE,
        code="NotAskedJustNow",
        message="The last requests there had no answer. It is asked again shortly.",
        service=service,
        region=region,
    )


def _translate_call(error: Exception, client: Any, method_name: str) -> Failure:
    meta = getattr(client, "meta", None)
    if meta is None:
        return translate(error)
    service, region = _endpoint(client)
    operation = meta.method_to_api_mapping.get(method_name, "")
    return translate(error, service=service, operation=operation, region=region)
