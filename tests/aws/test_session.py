"""With whose rights, and where, AWS is asked."""

import pickle
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AnsweredCall, AwsSession, Cloud, assume_role, own_session, session_from
from onboarding.credentials import TemporaryCredentials
from onboarding.states import FailureKind
from tests.aws.conftest import MADE_UP, StubFactory

ROLE_ARN = "arn:aws:iam::484535289196:role/InfosecOnboardingHandover"


@pytest.mark.parametrize(
    "parts",
    [
        ("", "s", "t"),
        ("ASIA", "", "t"),
        ("ASIA", "s", ""),
        (" ", "s", "t"),
        ("ASIA", "s", "t\n2"),
        (None, "s", "t"),
        ("ASIA", None, "t"),
    ],
)
def test_incomplete_credentials_never_become_the_workers_own(
    parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "WORKERSOWNKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "workers-own-secret")
    with pytest.raises(AwsFailure) as caught:
        session_from(Cloud(), TemporaryCredentials(*parts))
    assert caught.value.failure.kind is FailureKind.OURS


def _signed_with(client: Any) -> str:
    """The access key that the client's next request is signed with; it is then broken off."""
    seen: list[str] = []

    def catch(request: Any, **_rest: Any) -> Any:
        seen.append(str(request.headers["Authorization"]))
        raise EndpointConnectionError(endpoint_url=request.url)

    client.meta.events.register_first("before-send", catch)
    try:
        with pytest.raises(EndpointConnectionError):
            client.list_stacks()
    finally:
        client.meta.events.unregister("before-send", catch)
    return seen[0].partition("Credential=")[2].partition("/")[0]


def test_handed_over_credentials_are_used_and_no_others(
    session: AwsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "WORKERSOWNKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "workers-own-secret")
    assert _signed_with(session.client("cloudformation", "eu-west-1")) == MADE_UP.access_key_id


ANOTHERS = TemporaryCredentials("ASIAANOTHERANOTHERAN", "another-secret", "another-token")


def test_sessions_share_clients_and_never_credentials() -> None:
    one = session_from(Cloud(), MADE_UP)
    another = session_from(Cloud(), ANOTHERS, clients=one.clients)
    clients: list[Any] = [each.client("cloudformation", "eu-west-1") for each in (one, another, one)]
    assert clients[0]._client is clients[1]._client
    assert [_signed_with(client) for client in clients] == [
        MADE_UP.access_key_id,
        ANOTHERS.access_key_id,
        MADE_UP.access_key_id,
    ]


def test_threads_that_share_a_client_sign_each_as_itself() -> None:
    first = session_from(Cloud(), MADE_UP)
    keys = [f"ASIA{number:016}" for number in range(16)]
    signed: dict[str, set[str]] = {key: set() for key in keys}
    everybody = threading.Barrier(len(keys))

    def catch(request: Any, **_rest: Any) -> Any:
        signed[heard.key].add(str(request.headers["Authorization"]))
        raise EndpointConnectionError(endpoint_url=request.url)

    heard = threading.local()
    shared: Any = first.client("cloudformation", "eu-west-1")
    shared.meta.events.register_first("before-send", catch)

    def ask_as(key: str) -> None:
        heard.key = key
        mine = session_from(Cloud(), TemporaryCredentials(key, "s", "t"), clients=first.clients)
        everybody.wait()
        for _again in range(5):
            with pytest.raises(EndpointConnectionError):
                mine.client("cloudformation", "eu-west-1").list_stacks()

    threads = [threading.Thread(target=ask_as, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key, headers in signed.items():
        assert headers
        assert all(f"Credential={key}/" in header for header in headers)


def test_a_shared_client_that_nobody_holds_sends_nothing(session: AwsSession) -> None:
    lent: Any = session.client("cloudformation", "eu-west-1")
    with pytest.raises(NoCredentialsError):
        lent._client.list_stacks()


def test_the_pages_of_a_shared_client_are_asked_for_as_the_session() -> None:
    one = session_from(Cloud(), MADE_UP)
    client: Any = one.client("cloudformation", "eu-west-1")
    asked: list[str] = []

    def catch(request: Any, **_rest: Any) -> Any:
        asked.append(str(request.headers["Authorization"]))
        raise EndpointConnectionError(endpoint_url=request.url)

    client.meta.events.register_first("before-send", catch)
    with pytest.raises(EndpointConnectionError):
        list(client.get_paginator("list_stacks").paginate())
    assert f"Credential={MADE_UP.access_key_id}/" in asked[0]


def test_no_identity_is_a_failure_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(AwsFailure) as caught:
        assume_role(own_session(Cloud("http://127.0.0.1:9")), ROLE_ARN, external_id=None, session_name="onb")
    assert caught.value.failure.kind is FailureKind.OURS


def test_an_endpoint_slipped_into_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://somebody-else.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", "http://somebody-else.example")
    real = session_from(Cloud(), MADE_UP)
    assert real.client("cloudformation", "eu-west-1").meta.endpoint_url == (
        "https://cloudformation.eu-west-1.amazonaws.com"
    )
    played = session_from(Cloud("http://127.0.0.1:4599"), MADE_UP)
    assert played.client("cloudformation", "eu-west-1").meta.endpoint_url == "http://127.0.0.1:4599"


def test_tokens_come_from_regional_endpoints_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    assert (
        session_from(Cloud(), MADE_UP).client("sts").meta.endpoint_url
        == "https://sts.us-east-1.amazonaws.com"
    )


def test_retries_and_time_outs_are_set_and_the_portal_is_named() -> None:
    config = session_from(Cloud(), MADE_UP).client("cloudtrail", "eu-west-1").meta.config
    settings: Any = config
    assert settings.retries == {"mode": "standard", "total_max_attempts": 3}
    assert (settings.connect_timeout, settings.read_timeout) == (3, 10)
    assert "onboarding-portal/" in settings.user_agent


def test_buckets_are_in_the_path_where_an_endpoint_is_given() -> None:
    settings: Any = (
        session_from(Cloud("http://127.0.0.1:4599"), MADE_UP).client("s3", "us-west-2").meta.config
    )
    assert settings.s3["addressing_style"] == "path"


def test_a_client_is_made_once_even_when_many_threads_ask(session: AwsSession) -> None:
    seen: list[Any] = []
    threads = [
        threading.Thread(target=lambda: seen.append(session.client("cloudtrail", "eu-west-1")))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 20
    assert len({id(client._client) for client in seen}) == 1


def test_a_region_that_cannot_be_is_a_failure(session: AwsSession) -> None:
    with pytest.raises(AwsFailure):
        session.client("cloudformation", "no such region")


def test_a_session_shows_no_secret_and_cannot_be_queued(session: AwsSession) -> None:
    assert "made-up" not in repr(session)
    with pytest.raises(TypeError):
        pickle.dumps(session)


GIVEN = {
    "Credentials": {
        "AccessKeyId": "ASIAANOTHERANOTHERAN",
        "SecretAccessKey": "another-secret",
        "SessionToken": "another-token",
        "Expiration": datetime(2026, 11, 23, 13, tzinfo=UTC) + timedelta(minutes=1),
    }
}


def test_a_role_is_assumed_with_exactly_what_was_asked(session: AwsSession, stub: StubFactory) -> None:
    stub("sts").add_response(
        "assume_role",
        GIVEN,
        {
            "RoleArn": ROLE_ARN,
            "RoleSessionName": "onb-1",
            "ExternalId": "external-1",
            "Policy": "{}",
            "DurationSeconds": 3600,
        },
    )
    assumed = assume_role(session, ROLE_ARN, external_id="external-1", session_name="onb-1", policy="{}")
    assert assumed.expires_at == GIVEN["Credentials"]["Expiration"]
    assert assumed.credentials is not None
    assert assumed.credentials.session_token == "another-token"


@pytest.mark.parametrize(
    "message",
    [
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    ],
)
def test_a_role_that_allows_less_is_asked_for_less(
    session: AwsSession, stub: StubFactory, message: str
) -> None:
    asked = {"RoleArn": ROLE_ARN, "RoleSessionName": "onb-1"}
    for seconds in (7200, 3600):
        stub("sts").add_client_error(
            "assume_role", "ValidationError", message, expected_params={**asked, "DurationSeconds": seconds}
        )
    stub("sts").add_response("assume_role", GIVEN, {**asked, "DurationSeconds": 900})
    assume_role(session, ROLE_ARN, external_id=None, session_name="onb-1", duration_seconds=7200)


def test_a_listener_hears_of_each_answer_and_of_its_request_id(stub: StubFactory) -> None:
    heard: list[AnsweredCall] = []
    listening = session_from(Cloud(), MADE_UP, listener=heard.append)
    client: Any = listening.client("sts")
    client.meta.events.register("before-call", lambda **_: (_Answered(), {"ResponseMetadata": METADATA}))
    client.get_caller_identity()
    assert heard == [AnsweredCall("sts", "GetCallerIdentity", "us-east-1", 200, "4f6b")]


METADATA = {"HTTPStatusCode": 200, "RequestId": "4f6b"}


class _Answered:
    status_code = 200
    headers: dict[str, str] = {}
