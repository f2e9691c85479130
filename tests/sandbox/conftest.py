"""One stand-in cloud for the session, in its own process, and boto3 clients for any account in it."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.stand_in import running_stand_in

ClientFactory = Callable[..., Any]


@pytest.fixture(scope="session")
def cloud() -> Iterator[str]:
    """The address of a running stand-in whose clock is 400 times as fast as ours."""
    with running_stand_in("--speed", "400") as address:
        yield address


@pytest.fixture
def account() -> str:
    """The number of an account that nobody else uses."""
    return str(100_000_000_000 + uuid.uuid4().int % 899_999_999_999)


@pytest.fixture(scope="session")
def client(cloud: str) -> ClientFactory:
    """`client("cloudformation", account)`: as the account's root, or as whoever `credentials=` name."""

    def make(
        service: str, account: str = "", region: str = "us-west-2", credentials: dict[str, Any] | None = None
    ) -> Any:
        keys = credentials or {"AccessKeyId": account, "SecretAccessKey": "test"}
        session: Any = boto3.session.Session()
        return session.client(
            service,
            region_name=region,
            endpoint_url=cloud,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 1},
                max_pool_connections=50,
                connect_timeout=5,
                read_timeout=30,
            ),
        )

    return make
