"""With the web process's environment and database alone, a sealed hand-over stays shut.

The real web server runs as in the demo, with its own environment. It seals an access; then a program with
exactly that environment and that database tries to open it by every means that a process has.
"""

import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from demo.people import OWNER
from demo.stack import ROOT, Options, Stack, running
from demo.visitor import Visitor
from tests.production_check import production_environment
from tests.security.test_canary import as_lines

pytestmark = pytest.mark.end_to_end

ACCOUNT = "484535289196"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory: Path = tmp_path_factory.mktemp("web-side")
    with running(Options(directory, speed=100, poll_seconds=0.5)) as started:
        # Whatever the web side does from here on, it does without the worker.
        started.processes.stop("worker")
        yield started


@pytest.fixture(scope="module")
def handed_over(stack: Stack) -> None:
    visitor = Visitor(stack.address)
    visitor.sign_in(OWNER)
    visitor.visit("/register/")
    visitor.send("/register/", number=ACCOUNT, name="An account", contact_email=OWNER.email)
    page = f"/aws/{ACCOUNT}/hand-over/credentials/"
    visitor.visit(page)
    visitor.send(page, pasted=as_lines(stack.cloud.credentials(account=ACCOUNT).for_json()))
    assert "/runs/" in visitor.address, visitor.words()


def attack(stack: Stack, process: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.security.attack_on_custody"], cwd=ROOT, env=stack.environments[process],
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() + done.stderr.strip()


def test_the_web_side_serves_and_seals_without_a_private_key(stack: Stack, handed_over: None) -> None:
    for process in ("web", "beat"):
        environment = stack.environments[process]
        assert not [name for name in environment if name.startswith("AWS_") or "PRIVATE" in name]


def test_whatever_the_web_process_has_does_not_open_what_it_sealed(stack: Stack, handed_over: None) -> None:
    said = attack(stack, "web")
    assert "settings hold 0 private keys" in said, said
    assert "boxes=1 opened=0" in said, said
    tried = int(said.partition("tried=")[2].split()[0])
    assert tried > 100


def test_the_same_program_opens_it_with_the_workers_key(stack: Stack, handed_over: None) -> None:
    """Else the attack would prove nothing."""
    assert "boxes=1 opened=1" in attack(stack, "worker")


@pytest.mark.parametrize("declared", [True, False])
def test_the_running_server_refuses_a_body_larger_than_any_form(stack: Stack, declared: bool) -> None:
    server = HTTPConnection(urlsplit(stack.address).netloc, timeout=20)
    # Declared, it is refused before any of it is sent: who went on sending would find a closed door.
    body: Iterator[bytes] = iter([] if declared else [b"x" * 60_000] * 2)
    headers = {"Content-Length": "120000"} if declared else {"Transfer-Encoding": "chunked"}
    server.request("POST", "/accounts/login/", body, headers, encode_chunked=not declared)
    answer = server.getresponse()
    assert answer.status == 413
    assert "default-src 'none'" in (answer.headers["Content-Security-Policy"] or "")
    server.close()


@pytest.mark.parametrize("name", ["CUSTODY_PRIVATE_KEYS", "AUDIT_KEYS"])
def test_the_web_side_refuses_to_start_with_a_workers_key_in_production(name: str) -> None:
    program = "import portal.asgi"
    environment = production_environment() | {name: "bm8ga2V5"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert "The web side must not be given" in done.stderr
    assert name in done.stderr
    assert "bm8ga2V5" not in done.stderr


def test_in_development_the_web_sides_settings_hold_no_private_key_either() -> None:
    program = (
        "import django; django.setup(); from django.conf import settings; import portal.asgi;"
        "from nacl.public import PrivateKey; import gc;"
        "print(settings.CUSTODY_PRIVATE_KEYS, [o for o in gc.get_objects() if isinstance(o, PrivateKey)])"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "portal.settings", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, text=True, capture_output=True, check=True
    )
    assert done.stdout.strip() == "[] []"
