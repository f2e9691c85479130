"""How are the demo's processes started, watched and stopped? Each writes a log of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

STOP_WITHIN_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.05


class DidNotStart(Exception):
    """A process ended or stayed silent. The text names it and ends with what it last wrote."""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_or_another(preferred: int) -> int:
    """`preferred` when nobody listens there, or a free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            return free_port()
    return preferred


class Processes:
    """A few processes with one fate: leaving the `with` block stops them all, the last one first."""

    def __init__(self, logs: Path, cwd: Path | None = None) -> None:
        self.logs = logs
        self._cwd = cwd
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self._running)):
            self.stop(name)

    def start(self, name: str, command: Sequence[object], environment: Mapping[str, str]) -> None:
        """Start it in a session of its own, so that the terminal's Ctrl-C reaches only us."""
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                [str(word) for word in command],
                cwd=self._cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """Ask it to end, and after a while make it: with everything that it started itself."""
        process = self._running.pop(name)
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WITHIN_SECONDS)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill(self, name: str) -> None:
        """End it without any warning, as a machine that loses its power would."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_until(self, name: str, is_ready: Callable[[], bool], *, within_seconds: float = 60) -> None:
        """Return once `is_ready()` says so; `DidNotStart` when the process ends first or time is up."""
        deadline = time.monotonic() + within_seconds
        while not is_ready():
            process = self._running[name]
            if process.poll() is not None:
                raise DidNotStart(f"{name} ended with {process.returncode}.\n{self.tail(name)}")
            if time.monotonic() > deadline:
                raise DidNotStart(f"{name} was not ready after {within_seconds:.0f} s.\n{self.tail(name)}")
            time.sleep(LOOK_EVERY_SECONDS)

    def has_finished(self, name: str) -> bool:
        """Whether it ended by itself and well; it is then no longer one of ours."""
        finished = self._running[name].poll() == 0
        if finished:
            del self._running[name]
        return finished

    def ended(self) -> str | None:
        """The name of a process that is no longer running, if any."""
        return next((name for name, process in self._running.items() if process.poll() is not None), None)

    def pid(self, name: str) -> int:
        """The process's id, while it is one of ours."""
        return self._running[name].pid

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def has_said(self, name: str, words: str) -> bool:
        """Whether it wrote these words since it was started, however much it wrote after them."""
        return words in self._said(name)

    def tail(self, name: str, lines: int = 40) -> str:
        """What the process last wrote."""
        return "\n".join([f"--- {name} ({self.log(name)})", *self._said(name).splitlines()[-lines:]])

    def _said(self, name: str) -> str:
        return self.log(name).read_text(errors="replace") if self.log(name).exists() else ""

    def print_tails(self) -> None:
        for log in sorted(self.logs.glob("*.log")):
            print(self.tail(log.stem), file=sys.stderr)
