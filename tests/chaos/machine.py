"""The machine on which the chaos takes place: every process of the portal, each of which may be killed.

PostgreSQL is a cluster of its own in a directory of its own, on a small file system where one may be
mounted; Redis, web, two workers, beat and the stand-in cloud are processes beside it. Whoever is killed
is started again after a while, as a supervisor would.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psycopg

from demo.processes import Processes, free_port
from demo.stack import BIN, ROOT, Options, _environments, start_cloud
from sandbox.client import Sandbox
from tests.chaos.wire import Wire

WORKERS = ("worker-1", "worker-2")
DISK_MEGABYTES = 400


def find_postgres() -> Path | None:
    """The directory of PostgreSQL's own programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    named = shutil.which("initdb")
    return found[-1].parent if found else Path(named).parent if named else None


def find_redis() -> Path | None:
    for place in (BIN / "redis-server", shutil.which("redis-server")):
        if place and Path(place).exists():
            return Path(place)
    return None


class Postgres:
    """A cluster of our own, run by a user who may (PostgreSQL refuses root)."""

    def __init__(self, directory: Path, programs: Path) -> None:
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self.has_small_disk = False
        self._programs = programs
        self._home = directory
        self._disk = directory / "disk"
        self._user: dict[str, Any] = {"user": "postgres"} if os.getuid() == 0 else {}
        self._disk.mkdir(parents=True)
        if os.getuid() == 0:
            options = f"size={DISK_MEGABYTES}m"
            mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self._disk)]
            self.has_small_disk = subprocess.run(mount, check=False, capture_output=True).returncode == 0
            for path in (directory, self._disk):
                shutil.chown(path, "postgres")
            for parent in directory.parents:
                if parent.stat().st_uid == 0 and parent != Path("/") and not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)
        # The write-ahead log lies elsewhere: a full disk refuses what is new, as a full volume for data does.
        self._run(
            "initdb", "--auth=trust", "--username=postgres", "--no-sync", "-D", self._disk / "data",
            f"--waldir={directory / 'wal'}",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        said = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._home}"
        # As durable as always: only what a machine's power loss could harm is left out, and none comes.
        said += " -c fsync=off -c max_connections=200 -c log_min_messages=fatal"
        with suppress(subprocess.CalledProcessError):
            self._run(
                "pg_ctl", "-D", self._disk / "data", "-w", "-l", self._home / "log", "-o", said, "start"
            )

    def stop(self, how: str = "immediate") -> None:
        """`immediate`: as kill -9 would; connections break, and it recovers from its log at the next
        start.
        """
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", self._disk / "data", "-m", how, "-w", "stop")

    def is_up(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.Error:
            return False

    def fill_disk(self) -> None:
        with (self._disk / "filler").open("wb") as filler, suppress(OSError):
            while True:
                filler.write(b"\0" * 1_000_000)

    def free_disk(self) -> None:
        (self._disk / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        self.stop()
        if self.has_small_disk:
            subprocess.run(["umount", "-l", str(self._disk)], check=False)

    def _run(self, program: str, *words: object) -> None:
        command = [str(self._programs / program), *map(str, words)]
        subprocess.run(
            command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._user
        )


class Machine:
    """Everything, started; `close` stops it all."""

    def __init__(self, directory: Path, *, speed: float, poll_seconds: float) -> None:
        programs, redis = find_postgres(), find_redis()
        if programs is None or redis is None:
            raise RuntimeError("PostgreSQL's initdb and a redis-server are needed on this machine.")
        self.postgres = Postgres(directory / "postgres", programs)
        self.processes = Processes(directory / "logs", ROOT)
        self.processes.__enter__()
        self._redis_program, self._redis_port = redis, free_port()
        self.redis_url = f"redis://127.0.0.1:{self._redis_port}/0"
        options = Options(
            directory, speed=speed, log_delivery_seconds=60, poll_seconds=poll_seconds,
            database_url=self.postgres.url, redis_url=self.redis_url, log_level="WARNING",
        )  # fmt: skip
        self.cloud: Sandbox = start_cloud(self.processes, options)
        self.wire = Wire(options.cloud_port)
        self.start_redis()
        self._options = options
        environments = _environments(options, self.redis_url, self.cloud)
        environments["worker"]["AWS_ENDPOINT_URL"] = self.wire.url
        self.environments: Mapping[str, dict[str, str]] = environments
        self.address = environments["web"]["PUBLIC_URL"]
        self.deploys = 0
        self._migrate()
        self.start_web()
        self.start_beat()
        for name in WORKERS:
            self.start_worker(name)
        self.processes.wait_until("web", self.web_answers)

    def close(self) -> None:
        self.wire.set("open")
        self.processes.__exit__()
        self.postgres.close()

    def start_redis(self) -> None:
        words = ["--bind", "127.0.0.1", "--port", self._redis_port, "--save", "", "--appendonly", "no"]
        self.processes.start("redis", [self._redis_program, *words], {"PATH": os.environ["PATH"]})

    def start_web(self) -> None:
        words = f"portal.asgi:application --port {self._options.web_port} --lifespan off --no-access-log"
        self.processes.start(
            "web", [BIN / "uvicorn", *words.split(), "--log-level", "warning"], self.environments["web"]
        )

    def start_beat(self) -> None:
        words = [
            "-A",
            "portal",
            "beat",
            "--schedule",
            self._options.directory / "beat",
            "--loglevel",
            "WARNING",
        ]
        self.processes.start("beat", [BIN / "celery", *words], self.environments["beat"])

    def start_worker(self, name: str) -> None:
        words = f"-A portal worker -n {name}@%h --pool threads --concurrency 16 --without-gossip"
        words += " --without-mingle --loglevel WARNING"
        self.processes.start(name, [BIN / "celery", *words.split()], self.environments["worker"])

    def start(self, name: str) -> None:
        match name:
            case "redis":
                self.start_redis()
            case "web":
                self.start_web()
            case "beat":
                self.start_beat()
            case _:
                self.start_worker(name)

    def kill(self, name: str) -> None:
        self.processes.kill(name)

    def stop_gently(self, name: str, *, within_seconds: float = 60) -> None:
        """SIGTERM, and time to finish what is held: as a deploy does."""
        process = self.processes._running.pop(name)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(within_seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def web_answers(self) -> bool:
        try:
            with urlopen(f"{self.address}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (HTTPError, URLError, OSError):
            return False

    def migrate_as_a_new_version(self) -> None:
        """What an additive migration of the next version does, under its locks, while everything runs."""
        self.deploys += 1
        for table in ("workitem", "step", "run", "event"):
            with psycopg.connect(self.postgres.url, connect_timeout=5) as connection:
                connection.execute("SET lock_timeout = '20s'")
                column = f"next_{self.deploys} integer NOT NULL DEFAULT 0"
                connection.execute(f"ALTER TABLE onboarding_{table} ADD COLUMN {column}".encode())

    def revive(self) -> None:
        """Start whatever has ended by itself: a supervisor's work."""
        while (name := self.processes.ended()) is not None:
            self.processes._running.pop(name)
            if name == "cloud":
                raise RuntimeError(f"The stand-in ended.\n{self.processes.tail('cloud')}")
            self.start(name)

    def run_command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """One of the portal's management commands, where the worker runs."""
        command = [sys.executable, "manage.py", *words]
        environment = self.environments["worker"]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)

    def _migrate(self) -> None:
        done = self.run_command("migrate", "--verbosity", "0")
        if done.returncode:
            raise RuntimeError(done.stderr)

    def wait_for_database(self, within_seconds: float = 60) -> None:
        until = time.monotonic() + within_seconds
        while not self.postgres.is_up() and time.monotonic() < until:
            time.sleep(0.2)
