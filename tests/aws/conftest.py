"""Sessions whose requests are checked against botocore's own models, and sessions of the stand-in cloud."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.request import Request, urlopen

import pytest
from botocore.stub import Stubber

from onboarding.aws.session import AwsSession, Cloud, session_from
from onboarding.company import Company, load_company
from onboarding.credentials import TemporaryCredentials
from tests.sandbox.conftest import ClientFactory, account, client, cloud

__all__ = ["account", "client", "cloud"]

MADE_UP = TemporaryCredentials("ASIAMADEUPMADEUPMADE", "made-up-secret", "made-up-token")


class StubFactory(Protocol):
    """`stub("cloudformation", "eu-west-1")`; without a region where global services are."""

    def __call__(self, service: str, region: str = ...) -> Stubber: ...


@pytest.fixture(scope="session")
def company() -> Company:
    return load_company(Path(__file__).resolve().parents[2] / "company.example.toml")


@pytest.fixture
def session() -> Iterator[AwsSession]:
    """A session of made-up credentials: only what `stub` was told of is answered."""
    made = session_from(Cloud(), MADE_UP)
    yield made
    made.close()


@pytest.fixture
def stub(session: AwsSession) -> Iterator[StubFactory]:
    """`stub("cloudformation", "eu-west-1")`: botocore's stubber on that client of `session`, already active.

    It checks each request and answer against the service's model, and at the end that all were asked for.
    """
    stubbers: dict[tuple[str, str], Stubber] = {}

    def make(service: str, region: str = "us-east-1") -> Stubber:
        if (service, region) not in stubbers:
            any_session: Any = session
            stubbers[service, region] = Stubber(any_session.client(service, region))
            stubbers[service, region].activate()
        return stubbers[service, region]

    yield make
    for stubber in stubbers.values():
        stubber.assert_no_pending_responses()


class StandIn:
    """The stand-in cloud as its control API shows it, and sessions of its people."""

    def __init__(self, url: str, client: ClientFactory) -> None:
        self.url = url
        self.client = client
        self.cloud = Cloud(url)

    def control(self, path: str, document: dict[str, Any] | None = None, method: str = "") -> Any:
        request = Request(
            f"{self.url}/_sandbox/{path}",
            data=None if document is None else json.dumps(document).encode(),
            method=method or ("GET" if document is None else "POST"),
            headers={"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def play(self, scenario: str, account: str, **more: Any) -> Any:
        return self.control(f"scenarios/{scenario}", {"account": account, **more})


@pytest.fixture(scope="session")
def stand_in(cloud: str, client: ClientFactory) -> StandIn:
    return StandIn(cloud, client)
