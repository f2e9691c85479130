"""`make test`: which tests can be run on this machine, and what has to be left out?

First everything on SQLite with the redis-server that a wheel carries, which any machine can; then what
depends on the database again on PostgreSQL with a Redis server; then whole onboardings, with a browser where
there is one. What is left out is said at the end; with REQUIRE_ALL=1 leaving anything out is a failure.

    DATABASE_URL_POSTGRES   a database server where databases may be created (default: the local one)
    REDIS_URL_SERVER        a Redis server (default: the local one, database 15)
    CHROMIUM                the browser's path, where it is not found by its usual names

Words after the command go on to pytest: make test ARGS="-k trails".
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
import redis

from demo.processes import Processes
from demo.stack import start_redis
from tests.browser import find_chromium

ROOT = Path(__file__).resolve().parent.parent
POSTGRES_GUESSES = ("postgres://postgres@127.0.0.1:5432/postgres", "postgres:///postgres")
# None of these knows of a database, or cares which one it is: once is enough.
WITHOUT_DATABASE = (
    "tests/sandbox",
    "tests/cloudformation",
    "tests/aws",
    "tests/custody",
    "tests/failures",
    "tests/printed",
    *(
        f"tests/engine/test_{name}.py"
        for name in ("account_states", "hand_over_mistakes", "handover_role", "preflight", "questions")
    ),
    "tests/views/test_doors.py",
    "tests/views/test_doors_table.py",
    *(
        f"tests/test_{name}.py"
        for name in ("blueprint", "catalogues", "company", "containers", "decisions", "documents", "locks")
    ),
    *(
        f"tests/test_{name}.py"
        for name in ("planning", "questions", "remedies", "roster", "settings", "states")
    ),
    *(f"tests/test_{name}.py" for name in ("tickets", "tokens")),
)


def find_postgres() -> str | None:
    """The address of a PostgreSQL where we may create databases."""
    named = os.environ.get("DATABASE_URL_POSTGRES")
    for url in (named,) if named else POSTGRES_GUESSES:
        try:
            with psycopg.connect(url, connect_timeout=2) as connection:
                may_create = connection.execute(
                    "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
                ).fetchone()
        except psycopg.Error:
            continue
        if may_create and may_create[0]:
            return url
    return None


def find_redis_server() -> str | None:
    url = os.environ.get("REDIS_URL_SERVER", "redis://127.0.0.1:6379/15")
    try:
        redis.Redis.from_url(url, socket_connect_timeout=1).ping()
    except (redis.RedisError, OSError):
        return None
    return url


def clean_environment() -> dict[str, str]:
    """Ours without anything that could lead a test to the caller's own AWS account, database or broker."""
    ours = ("AWS_", "DATABASE_", "REDIS_", "CUSTODY_", "PORTAL_", "SECRET_", "COMPANY_", "DJANGO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def run(title: str, environment: Mapping[str, str], *words: str) -> bool:
    """One pytest run, with its own closing line; True when it went well."""
    print(f"\n=== {title}", flush=True)
    began = time.monotonic()
    selection = sys.argv[1:]
    command = [sys.executable, "-m", "pytest", "-q", "--color=no", *words, *selection]
    code = subprocess.run(command, cwd=ROOT, env=dict(environment), check=False).returncode
    if selection and code == pytest.ExitCode.NO_TESTS_COLLECTED:
        code = 0
    print(
        f"=== {title}: {'passed' if code == 0 else f'failed ({code})'} in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return code == 0


def main() -> int:
    environment = clean_environment()
    postgres, server, chromium = find_postgres(), find_redis_server(), find_chromium()
    cores = os.cpu_count() or 1
    # One more than there are cores: many a test waits for the stand-in. Whoever is through takes over from
    # the others, for a few files take as long as all the rest.
    in_parallel = ("-n", str(min(cores + 1, 8)), "--dist", "worksteal")
    in_stacks = ("-n", str(min(cores + 1, 4)), "--dist", "worksteal")
    results: list[bool] = []
    with tempfile.TemporaryDirectory() as directory, Processes(Path(directory)) as processes:
        embedded = start_redis(processes, Path(directory))
        results.append(
            run(
                "SQLite, embedded Redis",
                environment | {"REDIS_URL": embedded},
                *in_parallel,
                *("-m", "not end_to_end"),
            )
        )
    if postgres and server:
        ignored = [f"--ignore={folder}" for folder in WITHOUT_DATABASE]
        results.append(
            run(
                "PostgreSQL, Redis server",
                environment | {"DATABASE_URL": postgres, "REDIS_URL": server},
                *in_parallel,
                *("-m", "not end_to_end"),
                *ignored,
            )
        )
    servers = {"TESTS_DATABASE_URL": postgres or "", "TESTS_REDIS_URL": server or ""}
    results.append(run("Whole onboardings", environment | servers, *in_stacks, "-m", "end_to_end"))
    left_out = [
        what
        for what, is_there in (
            ("no PostgreSQL: what depends on the database ran on SQLite alone", postgres),
            ("no Redis server: the broker was the embedded one alone", server),
            ("no Chromium: the pages were not clicked through in a browser", chromium),
        )
        if not is_there
    ]
    for what in left_out:
        print(f"Left out: {what}.")
    if left_out and os.environ.get("REQUIRE_ALL") == "1":
        print("REQUIRE_ALL=1: leaving something out is a failure.")
        return 1
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
