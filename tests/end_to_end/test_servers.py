"""Does the same hold on PostgreSQL with a Redis server, as in production?"""

import os
from collections.abc import Iterator
from http.client import HTTPConnection
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


@pytest.mark.parametrize("pool_size", ["0", "20"])
def test_no_page_remembers_a_database_that_was_restarted(
    database: str, tmp_path: Path, pool_size: str
) -> None:
    """What is there, what isn't, and what nobody may see are answered on different threads."""
    options = Options(
        tmp_path, database_url=database, redis_url=_named("TESTS_REDIS_URL"), pool_size=int(pool_size)
    )
    expected = {"/accounts/login/": 200, "/nowhere/": 404, "/fleet/": 302}
    with running(options) as stack:
        assert {path: _status(stack.address, path) for path in expected} == expected
        with psycopg.connect(_named("TESTS_DATABASE_URL"), autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [urlsplit(database).path[1:]],
            )
        assert {path: _status(stack.address, path) for path in expected} == expected


def _status(address: str, path: str) -> int:
    """Asked by somebody whose session has to be looked for."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("GET", path, headers={"Cookie": f"sessionid={'s' * 32}"})
    return connection.getresponse().status
