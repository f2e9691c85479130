"""Does `make demo` start, stop and start again, and leave nothing behind?"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from demo.processes import free_port, port_or_another
from demo.stack import ROOT, Stack

pytestmark = pytest.mark.end_to_end


def _start(directory: Path, web_port: int, cloud_port: int) -> "subprocess.Popen[str]":
    ports = ["--web-port", str(web_port), "--cloud-port", str(cloud_port)]
    command = [sys.executable, "-m", "demo", *ports, "--directory", str(directory)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _introduction(demo: "subprocess.Popen[str]") -> str:
    assert demo.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = demo.stdout.readline()
        assert line, said
        said += line
    return said


def _left_over(directory: Path) -> list[str]:
    """Command lines of processes that still work in or for the directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().decode(errors="replace")
            command = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if str(directory) in environment or (str(directory) in command and process.name != str(os.getpid())):
            found.append(command)
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
def test_the_demo_says_how_to_use_it_and_ends_with_ctrl_c_twice_in_a_row(tmp_path: Path) -> None:
    web_port, cloud_port = free_port(), free_port()
    for _ in range(2):
        demo = _start(tmp_path / "run", web_port, cloud_port)
        try:
            said = _introduction(demo)
            assert f"http://127.0.0.1:{web_port}" in said
            for word in (
                "owner@example.org",
                "infosec@example.org",
                "484535289196",
                f":{cloud_port}/_sandbox/",
            ):
                assert word in said
            assert len(re.findall(r"(?m)^    \d{12}  \S", said)) == 3
            with urlopen(f"http://127.0.0.1:{web_port}/health/ready") as answer:
                assert answer.status == 200
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=30)
        assert demo.returncode == 0
        deadline = time.monotonic() + 5
        while (left := _left_over(tmp_path / "run")) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == []


def test_a_port_in_use_is_left_alone_and_another_one_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: int = server.getsockname()[1]
        assert port_or_another(taken) != taken


def test_the_web_side_has_neither_the_private_key_nor_an_aws_identity(stack: Stack) -> None:
    for name in ("web", "beat"):
        held = stack.environments[name]
        assert held.keys().isdisjoint({"CUSTODY_PRIVATE_KEYS", "AUDIT_KEYS"})
        assert [word for word in held if word.startswith("AWS_")] == []
