"""What a refusal means: every code of every service, and that no secret passes."""

import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from onboarding.aws import errors
from onboarding.aws.errors import AwsFailure, ask, classify, translate
from onboarding.observed import Failure
from onboarding.states import FailureKind as Kind

BY_SITUATION = {
    Kind.EXPIRED: "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired",
    Kind.INVALID_CREDENTIALS: (
        "InvalidClientTokenId AuthFailure UnrecognizedClientException InvalidAccessKeyId InvalidToken"
        " SignatureDoesNotMatch InvalidSignatureException IncompleteSignature MissingAuthenticationToken"
        " NotAuthorized"
    ),
    Kind.DENIED: (
        "AccessDenied AccessDeniedException UnauthorizedOperation AuthorizationError UnauthorizedException"
    ),
    Kind.ACCOUNT_INACTIVE: (
        "OptInRequired PendingVerification Blocked SubscriptionRequiredException AccountProblem"
    ),
    Kind.THROTTLED: (
        "Throttling RequestLimitExceeded ThrottlingException TooManyRequestsException SlowDown"
        " EC2ThrottledException"
    ),
    Kind.CLOCK_SKEW: "RequestTimeTooSkewed",
    Kind.NOT_ENABLED: "RegionDisabledException",
    Kind.QUOTA: (
        "LimitExceededException LimitExceeded MaximumNumberOfTrailsExceededException"
        " ServiceQuotaExceededException"
    ),
    Kind.CONFLICT: (
        "AlreadyExistsException EntityAlreadyExists DeleteConflict ConflictException ConcurrentModification"
        " OperationInProgressException TrailAlreadyExistsException OperationAborted"
    ),
    Kind.NOT_FOUND: (
        "NoSuchEntity NoSuchBucket NoSuchBucketPolicy TrailNotFoundException NotFound"
        " S3BucketDoesNotExistException"
    ),
    Kind.REQUEST: (
        "ValidationError InsufficientCapabilitiesException TokenAlreadyExistsException"
        " MalformedPolicyDocument"
        " PackedPolicyTooLarge InvalidParameterCombinationException InsufficientS3BucketPolicyException"
        " InvalidHomeRegionException InsufficientSnsTopicPolicyException"
    ),
    Kind.UNREACHABLE: "InternalFailure ServiceUnavailable InternalError RequestTimeout",
}


@pytest.mark.parametrize(
    ("code", "kind"), [(code, kind) for kind, codes in BY_SITUATION.items() for code in codes.split()]
)
def test_each_services_spelling_means_the_same(code: str, kind: Kind) -> None:
    assert classify(code) == kind


def test_no_code_means_two_things() -> None:
    seen: dict[str, Kind] = {}
    for codes, kind in errors._KIND_OF_CODE:
        for code in codes:
            assert seen.setdefault(code, kind) == kind


USER = "User: arn:aws:sts::484535289196:assumed-role/Handover/onb-1 is not authorized to perform: "


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261123T1 is now earlier than 20261123T2",
            Kind.CLOCK_SKEW,
        ),
        ("InvalidSignatureException", "Signature not yet current: 20261123T1", Kind.CLOCK_SKEW),
        (
            "AccessDenied",
            f"{USER}x:Y with an explicit deny in a service control policy",
            Kind.DENIED_BY_ORGANIZATION,
        ),
        (
            "AccessDeniedException",
            f"{USER}x:Y because no service control policy allows the x:Y action",
            Kind.DENIED_BY_ORGANIZATION,
        ),
        (
            "AccessDenied",
            f"{USER}x:Y with an explicit deny in a service control policy: arn:aws:organizations::1:policy/p",
            Kind.DENIED_BY_ORGANIZATION,
        ),
        ("AccessDenied", f"{USER}x:Y because no identity-based policy allows the x:Y action", Kind.DENIED),
        ("AccessDenied", f"{USER}x:Y because no session policy allows the x:Y action", Kind.DENIED),
        ("AccessDenied", f"{USER}x:Y because no permissions boundary allows the x:Y action", Kind.DENIED),
        ("ValidationError", "Stack with id gone does not exist", Kind.NOT_FOUND),
        ("ValidationError", "Stack [gone] does not exist", Kind.NOT_FOUND),
        (
            "ValidationError",
            "Stack [x] cannot be deleted while TerminationProtection is enabled",
            Kind.CONFLICT,
        ),
        ("ValidationError", "Stack [x] cannot be deleted while in status UPDATE_IN_PROGRESS", Kind.CONFLICT),
        ("ValidationError", "Stack:arn is in ROLLBACK_COMPLETE state and can not be updated.", Kind.CONFLICT),
        ("ValidationError", "Template format error: JSON not well-formed.", Kind.REQUEST),
    ],
)
def test_where_the_code_is_not_enough_the_message_decides(code: str, message: str, kind: Kind) -> None:
    assert classify(code, message) == kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, Kind.DENIED),
        (404, Kind.NOT_FOUND),
        (429, Kind.THROTTLED),
        (503, Kind.UNREACHABLE),
        (400, Kind.UNKNOWN),
    ],
)
def test_an_unknown_code_is_judged_by_its_status(status: int, kind: Kind) -> None:
    assert classify("SomethingNew", "", status) == kind


def refused(code: str, message: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "HTTPStatusCode": 403,
                "RequestId": "4f6b",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "DescribeStacks",
    )


def test_a_failure_keeps_what_is_needed_to_look_it_up() -> None:
    message = f"{USER}cloudformation:DescribeStacks on resource: arn:aws:cloudformation:eu-west-1:4:stack/x"
    failure = translate(refused("AccessDenied", message), service="cloudformation", region="eu-west-1")
    assert failure == Failure(
        Kind.DENIED, "AccessDenied", message, "cloudformation", "DescribeStacks", "eu-west-1", "4f6b"
    )


WITHOUT_ANSWER: list[tuple[Exception, Kind]] = [
    (exceptions.EndpointConnectionError(endpoint_url="https://x"), Kind.UNREACHABLE),
    (exceptions.ConnectTimeoutError(endpoint_url="https://x"), Kind.UNREACHABLE),
    (exceptions.ReadTimeoutError(endpoint_url="https://x"), Kind.UNREACHABLE),
    (exceptions.ConnectionClosedError(endpoint_url="https://x"), Kind.UNREACHABLE),
    (exceptions.ProxyConnectionError(proxy_url="https://x"), Kind.UNREACHABLE),
    (exceptions.SSLError(endpoint_url="https://x", error=OSError("certificate")), Kind.UNREACHABLE),
    (exceptions.HTTPClientError(error="whatever"), Kind.UNREACHABLE),
    (exceptions.ParamValidationError(report="StackName"), Kind.REQUEST),
    (exceptions.InvalidRegionError(region_name="a b"), Kind.REQUEST),
    (exceptions.NoCredentialsError(), Kind.OURS),
    (exceptions.PartialCredentialsError(provider="env", cred_var="secret"), Kind.OURS),
    (exceptions.PaginationError(message="the same token again"), Kind.UNKNOWN),
    (ResponseParserError("<html>"), Kind.UNREADABLE),
    (ValueError("Invalid timestamp"), Kind.UNREADABLE),
    (BotoCoreError(), Kind.UNKNOWN),
]


@pytest.mark.parametrize(("error", "kind"), WITHOUT_ANSWER, ids=lambda value: type(value).__name__)
def test_what_fails_before_an_answer_is_a_failure_too(error: Exception, kind: Kind) -> None:
    failure = translate(error, service="sts")
    assert (failure.kind, failure.code) == (kind, type(error).__name__)
    assert failure.message.endswith(".")


TOKEN = "FwoGZXIvYXdzEBYaDH-this-is-the-session-token"
LEAKING: list[Exception] = [
    refused(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match.\n\nThe Canonical String"
        f" for this request should have been\n'POST\n/\n\nx-amz-security-token:{TOKEN}\n'",
    ),
    refused("IncompleteSignature", f"Authorization header requires 'Signature'. Authorization={TOKEN}"),
    refused(
        "UnauthorizedOperation", f"You are not authorized. Encoded authorization failure message: {TOKEN}"
    ),
    # So botocore words a line break in a pasted token: the header's value, in full.
    exceptions.HTTPClientError(error=ValueError(f"Invalid header value b'{TOKEN}'")),
    exceptions.ParamValidationError(report=f"Invalid value {TOKEN}"),
]


@pytest.mark.parametrize("error", LEAKING, ids=lambda error: type(error).__name__)
def test_no_failure_repeats_a_token(error: Exception) -> None:
    def call() -> None:
        raise error

    with pytest.raises(AwsFailure) as caught:
        ask(call)
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in told + repr(caught.value.failure)
    assert caught.value.__context__ is None


def test_a_fault_of_our_own_is_not_translated() -> None:
    def call() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(call)


@pytest.mark.parametrize("code", ["RequestExpired", "ExpiredToken", "SignatureDoesNotMatch", "AuthFailure"])
@pytest.mark.parametrize(("minutes", "expected"), [(20, Kind.CLOCK_SKEW), (-20, Kind.CLOCK_SKEW), (2, None)])
def test_what_comes_of_our_clock_is_not_blamed_on_the_credentials(
    code: str, minutes: int, expected: Kind | None
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPHeaders": {"date": date}}}
    assert translate(ClientError(answer, "X")).kind == (expected or classify(code))


@pytest.mark.parametrize("date", ["", "yesterday", "Wed, 25 Nov 2026 13:00:00"])
def test_a_date_that_says_nothing_changes_nothing(date: str) -> None:
    answer: Any = {"Error": {"Code": "ExpiredToken"}, "ResponseMetadata": {"HTTPHeaders": {"date": date}}}
    assert translate(ClientError(answer, "X")).kind == Kind.EXPIRED
