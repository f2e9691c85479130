"""What is measured? A whole portal without its web pages, and the stand-in for AWS, in their own processes.

Importing this sets up Django in this process, on a database that goes when the process ends: a SQLite file,
or one on DATABASE_URL's PostgreSQL. This process plays the owners and infosec, through the same services as
the pages.
"""

# ruff: noqa: E402 - Django is set up first

import os
import signal
import tempfile
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from time import sleep
from typing import Any

import django
import psycopg
from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey
from psycopg import sql

from demo.processes import Processes, free_port
from demo.stack import BIN, COMPANY_FILE, ROOT, SANDBOX_PYTHON, start_redis
from sandbox.client import Sandbox

DIRECTORY = Path(tempfile.mkdtemp(prefix="bench-"))
_SERVER = os.environ.get("DATABASE_URL", "")
_DATABASE = f"onboarding_bench_{os.getpid()}"
_REDIS_PORT = free_port()
_PRIVATE = PrivateKey.generate()

os.environ.update(
    {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_MODE": "development",
        "DEBUG": "false",
        "DATABASE_URL": f"{_SERVER.rpartition('/')[0]}/{_DATABASE}"
        if _SERVER.startswith("postgres")
        else f"sqlite:///{DIRECTORY / 'portal.sqlite3'}",
        "REDIS_URL": f"redis://127.0.0.1:{_REDIS_PORT}/0",
        "COMPANY_FILE": str(COMPANY_FILE),
        "CUSTODY_PUBLIC_KEY": _PRIVATE.public_key.encode(Base64Encoder).decode(),
        "LOG_LEVEL": "WARNING",
    }
)
django.setup()

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from onboarding.credentials import TemporaryCredentials
from onboarding.models import AwsAccount, Run
from onboarding.services import accounts, hand_over
from onboarding.views.hand_over_kit import kit_for


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the stand-in behaves, and how many workers there are."""

    regions: int = 34
    latency_ms: float = 0
    log_delivery_seconds: float = 60
    workers: int = 1
    threads: int = 32
    with_worker: bool = True

    def told(self) -> dict[str, object]:
        return {
            "regions": self.regions,
            "latency": f"{self.latency_ms:g} ms a call",
            "clock": "1x",
            "stack": "2 s + role 8, function 6, trail 5",
            "first log after": f"{self.log_delivery_seconds:g} s",
            "workers": f"{self.workers} x {self.threads} threads",
            "database": connection.vendor,
        }


@dataclass(frozen=True, slots=True)
class Portal:
    """A running portal without pages."""

    cloud: Sandbox
    processes: Processes
    worker_environment: Mapping[str, str]

    conditions: "Conditions"

    def start_workers(self) -> None:
        beat = ["-A", "portal", "beat", "--schedule", DIRECTORY / "beat", "--loglevel", "WARNING"]
        self.processes.start("beat", [BIN / "celery", *beat], _common())
        for name in self.worker_names():
            _start_worker(self.processes, name, self.worker_environment, self.conditions.threads)

    def worker_names(self) -> list[str]:
        return [f"worker{number}" for number in range(self.conditions.workers)]

    def most_memory(self) -> dict[str, float]:
        """The most megabytes that each worker process has held so far."""
        found = {}
        for name in self.worker_names():
            status = Path(f"/proc/{self.processes.pid(name)}/status").read_text()
            found[name] = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        return found

    def work_here(self) -> None:
        """Let this process do a worker's work, with a worker's identity."""
        os.environ.update(self.worker_environment)
        settings.CLOUD_ENDPOINT_URL = self.cloud.url
        settings.CUSTODY_PRIVATE_KEYS = [self.worker_environment["CUSTODY_PRIVATE_KEYS"]]


def _stop(*_: object) -> None:
    # As Ctrl-C does: what was started is stopped, and the database goes.
    raise KeyboardInterrupt


@contextmanager
def running(conditions: Conditions) -> Iterator[Portal]:
    """Everything, ready to be used; stopped on leaving, whatever happened."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with _database(), Processes(DIRECTORY / "logs", ROOT) as processes:
        start_redis(processes, DIRECTORY, port=_REDIS_PORT)
        cloud = _start_cloud(processes, conditions)
        environment = _worker_environment(cloud)
        portal = Portal(cloud, processes, environment, conditions)
        if conditions.with_worker:
            portal.start_workers()
        yield portal


def _common() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    ours = (
        "DJANGO_",
        "PORTAL_",
        "DEBUG",
        "DATABASE_",
        "REDIS_",
        "COMPANY_",
        "CUSTODY_PUBLIC",
        "LOG_LEVEL",
        "CLOUD_",
    )
    return {name: value for name, value in os.environ.items() if name in kept or name.startswith(ours)}


def _worker_environment(cloud: Sandbox) -> dict[str, str]:
    role = tomllib.loads(COMPANY_FILE.read_text())["portal"]["worker_principal_arn"]
    identity = cloud.credentials(kind="worker", role_arn=role, duration_seconds=12 * 3600)
    return _common() | {
        "CUSTODY_PRIVATE_KEYS": _PRIVATE.encode(Base64Encoder).decode(),
        "AUDIT_KEYS": b64encode(token_bytes(32)).decode(),
        **identity.for_environment(),
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _start_cloud(processes: Processes, conditions: Conditions) -> Sandbox:
    port = free_port()
    cloud = Sandbox(f"http://127.0.0.1:{port}")
    command: list[object] = [SANDBOX_PYTHON, "-m", "sandbox", "--port", port, "--company", COMPANY_FILE]
    command += ["--enabled-regions", conditions.regions]
    command += ["--log-delivery-seconds", conditions.log_delivery_seconds]
    processes.start("cloud", command, {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)})
    processes.wait_until("cloud", cloud.is_ready, within_seconds=180)
    return cloud


def _start_worker(processes: Processes, name: str, environment: Mapping[str, str], threads: int) -> None:
    words = (
        f"-A portal worker --pool threads --concurrency {threads} --without-gossip --without-mingle -n {name}"
    )
    processes.start(name, [BIN / "celery", *words.split(), "--loglevel", "INFO"], environment)
    processes.wait_until(name, lambda: processes.has_said(name, "ready."), within_seconds=180)


@contextmanager
def _database() -> Iterator[None]:
    if connection.vendor == "sqlite":
        call_command("migrate", verbosity=0)
        yield
        return
    with psycopg.connect(_SERVER, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE)))
        try:
            call_command("migrate", verbosity=0)
            yield
        finally:
            connection.close()
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_DATABASE)))


# --- What people do -----------------------------------------------------------------------------------


def make_owner(number: str) -> AwsAccount:
    user = User.objects.create(username=number, email=f"owner-{number}@example.org")
    return accounts.register(user, number=number, name=f"Account {number}", contact_email=user.email)


def owner_of(account: AwsAccount) -> User:
    return User.objects.get(username=account.number)


def hand_over_role(account: AwsAccount, client: Callable[[str, str], Any]) -> Run:
    """Create the hand-over role by the template that the portal offers, and hand it over."""
    kit = kit_for(account)
    stacks = client("cloudformation", kit.region)
    stacks.create_stack(
        StackName=kit.stack_name, TemplateBody=kit.template_body, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    while (
        stacks.describe_stacks(StackName=kit.stack_name)["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS"
    ):
        sleep(0.2)
    return hand_over.hand_over_role(owner_of(account), account, kit.role_arn)


def hand_over_credentials(cloud: Sandbox, account: AwsAccount) -> Run:
    """Hand over a session of the account's administrator."""
    keys = cloud.credentials(account=account.number)
    pasted = TemporaryCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    return hand_over.hand_over_credentials(owner_of(account), account, pasted)
