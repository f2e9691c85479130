"""One stand-in cloud for the session, in its own process, and boto3 clients for any account in it."""

import os
import queue
import re
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-sandbox" / "bin" / "python"
SPEED = "400"

ClientFactory = Callable[..., Any]


def _read_lines(process: subprocess.Popen[str], lines: "queue.Queue[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)


def _address(process: subprocess.Popen[str]) -> str:
    """The address in the line with which the stand-in says that it is ready; the log goes on being read."""
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_lines, args=(process, lines), daemon=True).start()
    deadline = time.monotonic() + 60
    seen = ""
    while time.monotonic() < deadline:
        try:
            line = lines.get(timeout=0.5)
        except queue.Empty:
            if process.poll() is not None:
                break
            continue
        seen += line
        if found := re.search(r"ready: (http://\S+)", line):
            return found[1]
    raise RuntimeError(f"The stand-in cloud did not start:\n{seen}")


@pytest.fixture(scope="session")
def cloud() -> Iterator[str]:
    """The address of a running stand-in whose clock is 400 times as fast as ours."""
    if not PYTHON.exists():
        pytest.skip("the stand-in's environment .venv-sandbox is not installed")
    process = subprocess.Popen(
        [PYTHON, "-m", "sandbox", "--port", "0", "--speed", SPEED],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
    )
    try:
        yield _address(process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
