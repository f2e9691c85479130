"""What is watched in `bench.watch`? A run in a database of its own, its many owners, and one web process."""

# ruff: noqa: E402 - Django is set up first

import http.client
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
os.environ["LOG_LEVEL"] = "WARNING"
django.setup()

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.utils import timezone

from demo.processes import Processes, free_port
from onboarding.models import AwsAccount, Event, Ownership, OwnershipRole, RegionReading, Run
from onboarding.models.history import record
from onboarding.progress.places import PLACES
from onboarding.states import RegionState, RunStatus

REGIONS = sorted(PLACES)[:34]


@dataclass(frozen=True, slots=True)
class World:
    run: Run
    sessions: tuple[str, ...]


@contextmanager
def a_database() -> Iterator[None]:
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        if connection.vendor == "postgresql":
            # The threads that asked for the event loop still hold theirs.
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        connection.creation.destroy_test_db("", verbosity=0)


def make_world(watchers: int) -> World:
    """One account at work, with as many owners as there are watchers, all signed in."""
    account = AwsAccount.objects.create(
        number="484535289196", name="Watched by many", contact_email="owner@example.org"
    )
    run = Run.objects.create(account=account, status=RunStatus.VERIFYING)
    record(run.pk, "run.status", status=RunStatus.VERIFYING)
    now = timezone.now()
    RegionReading.objects.bulk_create(
        RegionReading(
            account=account,
            region=region,
            state=RegionState.LOGGING,
            stack_status="CREATE_COMPLETE",
            trail_arn=f"arn:aws:cloudtrail:{region}:484535289196:trail/InfosecTrail",
            is_logging=True,
            read_at=now,
        )
        for region in REGIONS
    )
    users = User.objects.bulk_create(
        User(username=f"watcher-{n}", email=f"watcher-{n}@example.org", password="!") for n in range(watchers)
    )
    Ownership.objects.bulk_create(
        Ownership(account=account, user=user, role=OwnershipRole.OWNER if n == 0 else OwnershipRole.CO_OWNER)
        for n, user in enumerate(users)
    )
    return World(run, tuple(_session_of(user) for user in users))


def _session_of(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def change(run: Run, turn: int) -> tuple[int, str, float]:
    """Record a region's change as the worker does: the event's number, the region, when it was committed."""
    region = REGIONS[turn * 7 % len(REGIONS)]
    reading = RegionReading.objects.get(account=run.account_id, region=region)
    state = RegionState.COVERED if reading.state == RegionState.LOGGING else RegionState.LOGGING
    with transaction.atomic():
        RegionReading.objects.filter(pk=reading.pk).update(
            state=state, latest_delivery_at=timezone.now(), read_at=timezone.now()
        )
        event: Event = record(run.pk, "region.reading", region=region, state=state)
    return event.number, region, time()


class Web:
    """One uvicorn on a port of its own."""

    def __init__(self, processes: Processes, redis_url: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._processes = processes
        self._environment = os.environ | {
            "DATABASE_URL": _database_url(),
            "REDIS_URL": redis_url,
            "PUBLIC_URL": self.address,
        }
        self._environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)

    def start(self) -> None:
        words = (
            f"portal.asgi:application --port {self.port} --lifespan off --no-access-log --log-level warning"
        )
        command = [Path(sys.executable).parent / "uvicorn", *words.split()]
        self._processes.start("web", command, self._environment)
        self._processes.wait_until("web", self._listens)

    def kill(self) -> None:
        self._processes.kill("web")

    def memory_kib(self) -> float:
        """Resident memory, as the kernel counts it."""
        found = re.search(r"VmRSS:\s+(\d+) kB", self._proc("status"))
        return float(found[1]) if found else 0.0

    def cpu_seconds(self) -> float:
        """Processor time that the process has had, in user and kernel mode."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self) -> int:
        found = re.search(r"Threads:\s+(\d+)", self._proc("status"))
        return int(found[1]) if found else 0

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self._processes.pid('web')}/{name}").read_text()

    def _listens(self) -> bool:
        try:
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=5).request("GET", "/health/live")
        except OSError:
            return False
        return True


def _database_url() -> str:
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    port = parts["PORT"] or 5432
    return f"postgres://{parts['USER']}:{parts['PASSWORD']}@{parts['HOST']}:{port}/{parts['NAME']}"
