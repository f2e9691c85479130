"""Sessions whose requests are checked against botocore's own models, and sessions of the stand-in cloud."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from botocore.stub import Stubber

from onboarding.aws.session import AwsSession, Cloud, session_from
from onboarding.company import Company, load_company
from onboarding.credentials import TemporaryCredentials
from sandbox.client import Sandbox
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


@dataclass(frozen=True, slots=True)
class StandIn:
    """The stand-in cloud: `control` steers it, `worker` is the portal's own identity there."""

    control: Sandbox
    client: ClientFactory

    @property
    def cloud(self) -> Cloud:
        return Cloud(self.control.url)

    def session(self, **of: Any) -> AwsSession:
        """A session of credentials as `Sandbox.credentials` mints them."""
        return session_from(self.cloud, self.keys(**of))

    def keys(self, **of: Any) -> TemporaryCredentials:
        made = self.control.credentials(**of)
        return TemporaryCredentials(made.access_key_id, made.secret_access_key, made.session_token)

    @property
    def worker(self) -> AwsSession:
        return self.session(kind="worker")


@pytest.fixture
def stand_in(cloud: str, client: ClientFactory) -> Iterator[StandIn]:
    made = StandIn(Sandbox(cloud), client)
    yield made
    made.control.clear_faults()


@pytest.fixture
def owner(stand_in: StandIn, account: str) -> AwsSession:
    """A session of the owner of `account`, who may do everything in it."""
    stand_in.control.account(account)
    return stand_in.session(account=account)
