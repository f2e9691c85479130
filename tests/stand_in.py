"""How is a stand-in cloud started for tests? On a free port, in a process of its own, ended with them."""

import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-sandbox" / "bin" / "python"

START_WITHIN_SECONDS = 60
STOP_WITHIN_SECONDS = 5


@contextmanager
def running_stand_in(*options: str) -> Iterator[str]:
    """A stand-in with these options of its command line; its address, once it is ready."""
    if not PYTHON.exists():
        pytest.skip("the stand-in's environment .venv-sandbox is not installed")
    process = subprocess.Popen(
        [PYTHON, "-m", "sandbox", "--port", "0", *options],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )
    try:
        yield _address(process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    """The address in the line with which it says that it is ready; its log goes on being read."""
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    seen, until = "", time.monotonic() + START_WITHIN_SECONDS
    while time.monotonic() < until:
        try:
            seen += lines.get(timeout=0.5)
        except queue.Empty:
            if process.poll() is not None:
                break
        if found := re.search(r"ready: (http://\S+)", seen):
            return found[1]
    raise RuntimeError(f"The stand-in cloud did not start:\n{seen}")


def _read(process: subprocess.Popen[str], lines: "queue.Queue[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
