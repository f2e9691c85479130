"""With whose rights, and where, is AWS asked?

Never falls back to the worker's own identity: whoever asks for a session of somebody else's credentials
gets exactly those or an error.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.parsers import ResponseParserError

from onboarding.aws import clock
from onboarding.aws.clients import Asker, Clients, new_core
from onboarding.aws.errors import CALL_ERRORS, AwsFailure, ask, translate
from onboarding.credentials import TemporaryCredentials
from onboarding.observed import Failure
from onboarding.states import FailureKind

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sts import STSClient
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

# Enabled in every account, the home of global services, and always with an STS endpoint of its own.
GLOBAL_REGION = "us-east-1"

CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 10
ATTEMPTS = 3

# A role may allow less than we ask for, and a chained role never more than an hour.
_DURATIONS_SECONDS = (3600, 900)


@dataclass(frozen=True, slots=True)
class Cloud:
    """Which AWS-compatible endpoint is asked: None is AWS itself."""

    endpoint_url: str | None = None


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """One answer of AWS, as a listener of a session hears it."""

    service: str
    operation: str
    region: str
    http_status: int
    request_id: str


Listener = Callable[[AnsweredCall], None]


@dataclass(frozen=True, slots=True)
class _Ear:
    """Tells a session's listener of one answer."""

    listener: Listener
    service: str
    region: str

    def __call__(self, *, parsed: dict[str, Any], model: Any, **_rest: Any) -> None:
        metadata = parsed.get("ResponseMetadata", {})
        self.listener(
            AnsweredCall(
                service=self.service, operation=model.name, region=self.region,
                http_status=int(metadata.get("HTTPStatusCode") or 0),
                request_id=str(metadata.get("RequestId") or ""),
            )
        )  # fmt: skip


@dataclass(slots=True, eq=False)
class AwsSession:
    """Clients of one identity. Safe to share between threads.

    `credentials` is None for the worker's own identity only, whose clients are its own. All others borrow
    from `clients`, which all share that were made from one another. `expires_at` is known for assumed roles.
    `listener` hears of each answer, on the thread that asked.
    """

    cloud: Cloud
    credentials: TemporaryCredentials | None = field(repr=False)
    expires_at: datetime | None = None
    listener: Listener | None = field(default=None, repr=False)
    clients: Clients | None = field(default=None, repr=False)
    _core: botocore.session.Session | None = field(init=False, repr=False, default=None)
    _signing: Credentials | None = field(init=False, repr=False, default=None)
    _own: dict[tuple[str, str], Any] = field(init=False, repr=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.clients is None:
            self.clients = clients_of(self.cloud)
        given = self.credentials
        if given is None:
            self._core = new_core()
        else:
            _assert_complete(given)
            self._signing = Credentials(given.access_key_id, given.secret_access_key, given.session_token)

    @overload
    def client(self, service: Literal["account"], region: str = ...) -> "AccountClient": ...
    @overload
    def client(self, service: Literal["cloudformation"], region: str) -> "CloudFormationClient": ...
    @overload
    def client(self, service: Literal["cloudtrail"], region: str) -> "CloudTrailClient": ...
    @overload
    def client(self, service: Literal["ec2"], region: str = ...) -> "EC2Client": ...
    @overload
    def client(self, service: Literal["iam"], region: str = ...) -> "IAMClient": ...
    @overload
    def client(self, service: Literal["s3"], region: str) -> "S3Client": ...
    @overload
    def client(self, service: Literal["sns"], region: str) -> "SNSClient": ...
    @overload
    def client(self, service: Literal["sts"], region: str = ...) -> "STSClient": ...

    def client(self, service: str, region: str = GLOBAL_REGION) -> Any:
        """The client for a service and region."""
        failure: Failure | None = None
        try:
            return self._client(service, region)
        except CALL_ERRORS as error:
            failure = translate(error, service=service, region=region)
        raise AwsFailure(failure)

    def _client(self, service: str, region: str) -> Any:
        hears = (_Ear(self.listener, service, region),) if self.listener is not None else ()
        if self._signing is not None and self.clients is not None:
            return self.clients.lend(service, region, Asker(self._signing, hears))
        with self._lock:
            if (service, region) not in self._own:
                self._own[service, region] = self._make(service, region, hears)
            return self._own[service, region]

    def _make(self, service: str, region: str, hears: tuple[_Ear, ...]) -> Any:
        make: Any = self._core.create_client if self._core is not None else None
        made = make(
            service, region_name=region, endpoint_url=self.cloud.endpoint_url, config=_config(self.cloud)
        )
        for hear in (*_HEARS, *hears):
            made.meta.events.register("after-call", hear)
        return made

    def close(self) -> None:
        """Close the connections. The session can go on being used, as can all that share its clients."""
        with self._lock:
            self._own = {}
        if self.clients is not None:
            self.clients.close()


def _demand_content(*, parsed: dict[str, Any], model: Any, **_rest: Any) -> None:
    """Take a success without any content for what it is: botocore reads a body that isn't JSON as empty."""
    is_json = "json" in str(model.service_model.metadata.get("protocol", ""))
    is_success = int(parsed.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0) < 300
    members = model.output_shape.members if model.output_shape is not None else {}
    if is_json and is_success and members and not members.keys() & parsed.keys():
        raise ResponseParserError("The answer holds nothing of what it should.")


# Hears of each answer, whoever asked.
_HEARS = (clock.listen, _demand_content)


def clients_of(cloud: Cloud) -> Clients:
    """Clients to be shared by sessions of that cloud."""
    return Clients(cloud.endpoint_url, _config(cloud), _HEARS)


def _config(cloud: Cloud) -> Config:
    # Typed as Any: the stubs of botocore don't know every option.
    make: Any = Config
    return cast(
        Config,
        make(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            # Borrowed by many sessions at a time.
            max_pool_connections=32,
            # The run is named by the session, which CloudTrail shows beside it.
            user_agent_extra="onboarding-portal/0.1",
            # An AWS_ENDPOINT_URL slipped into the environment would receive the owner's token.
            ignore_configured_endpoint_urls=True,
            # Not every endpoint has a host name for each bucket.
            s3={"addressing_style": "path"} if cloud.endpoint_url else None,
        ),
    )


def _assert_complete(credentials: TemporaryCredentials) -> None:
    """botocore takes missing credentials for a wish to use the worker's own: refuse them here."""
    parts = (credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    # White space comes of a broken line in what was pasted, and could never be sent.
    if not all(part and not re.search(r"\s", part) for part in parts):
        raise AwsFailure(
            Failure(
                kind=FailureKind.OURS,
                code="IncompleteCredentials",
                message="Key id, secret and session token are all required, each without white space.",
            )
        )


def own_session(cloud: Cloud, *, listener: Listener | None = None) -> AwsSession:
    """The worker's own identity, as its environment gives it."""
    return AwsSession(cloud, credentials=None, listener=listener)


def session_from(
    cloud: Cloud,
    credentials: TemporaryCredentials,
    *,
    listener: Listener | None = None,
    clients: Clients | None = None,
) -> AwsSession:
    """A session of handed-over credentials; raises AwsFailure when a part of them is missing.

    It borrows from `clients`, or has some of its own.
    """
    _assert_complete(credentials)
    return AwsSession(cloud, credentials=credentials, listener=listener, clients=clients)


def assume_role(
    session: AwsSession,
    role_arn: str,
    *,
    external_id: str | None,
    session_name: str,
    policy: str | None = None,
    duration_seconds: int = 3600,
    listener: Listener | None = None,
) -> AwsSession:
    """A session of the role, narrowed by `policy` (JSON, at most 2,048 characters).

    Asks for less when the role allows less than `duration_seconds`. `listener` defaults to the session's.
    """
    request: dict[str, Any] = {"RoleArn": role_arn, "RoleSessionName": session_name}
    if external_id is not None:
        request["ExternalId"] = external_id
    if policy is not None:
        request["Policy"] = policy
    durations = [duration_seconds, *(seconds for seconds in _DURATIONS_SECONDS if seconds < duration_seconds)]
    while True:
        try:
            answer = ask(session.client("sts").assume_role, DurationSeconds=durations.pop(0), **request)
        except AwsFailure as refusal:
            if not durations or not _is_too_long(refusal.failure):
                raise
        else:
            return _of_role(session, answer["Credentials"], listener)


def _of_role(session: AwsSession, given: "CredentialsTypeDef", listener: Listener | None) -> AwsSession:
    return AwsSession(
        session.cloud,
        credentials=TemporaryCredentials(
            access_key_id=given["AccessKeyId"],
            secret_access_key=given["SecretAccessKey"],
            session_token=given["SessionToken"],
        ),
        expires_at=given["Expiration"].astimezone(UTC),
        listener=listener or session.listener,
        clients=session.clients,
    )


def _is_too_long(failure: Failure) -> bool:
    return failure.code == "ValidationError" and (
        "MaxSessionDuration" in failure.message or "role chaining" in failure.message
    )
