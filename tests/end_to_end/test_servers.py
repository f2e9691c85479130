"""Does the same hold on PostgreSQL with a Redis server, as in production?"""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from demo.check import check
from demo.stack import Options, running

pytestmark = pytest.mark.end_to_end


def _named(variable: str) -> str:
    url = os.environ.get(variable, "")
    if not url and os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"REQUIRE_ALL=1, and {variable} names no server: `make test` looks for one.")
    if not url:
        pytest.skip(f"{variable} names no server")
    return url


@pytest.fixture
def database() -> Iterator[str]:
    """A database of its own on the PostgreSQL server that `make test` found."""
    server = _named("TESTS_DATABASE_URL")
    name = f"onboarding_whole_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_whole_onboarding_is_true_on_postgresql_and_a_redis_server(database: str, tmp_path: Path) -> None:
    options = Options(
        tmp_path, speed=100, poll_seconds=0.5, database_url=database, redis_url=_named("TESTS_REDIS_URL")
    )
    with running(options) as stack:
        assert check(stack)
