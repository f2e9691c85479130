"""Would the containers run? What can be known without an engine: schema, linter, the images' own commands."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import yaml

from demo.processes import Processes, free_port
from tests.everything import clean_environment
from tests.production_check import production_environment

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
COMPOSE = ROOT / "docker-compose.yml"
SECRETS = {
    "AUDIT_KEYS",
    "CUSTODY_PRIVATE_KEYS",
    "CUSTODY_PUBLIC_KEY",
    "EMAIL_URL",
    "POSTGRES_PASSWORD",
    "SECRET_KEY",
}
WORKERS_OWN = {"AUDIT_KEYS", "BUGZILLA_API_KEY", "CUSTODY_PRIVATE_KEYS"}


def test_the_compose_file_fits_the_compose_specification() -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, COMPOSE], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_dockerfile_has_nothing_that_hadolint_minds() -> None:
    hadolint = BIN / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint publishes no wheel for this machine")
    done = subprocess.run(
        [hadolint, "--no-color", ROOT / "Dockerfile"], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_no_secret_has_a_default() -> None:
    used = re.findall(r"\$\{([A-Z_]+)([^}]*)\}", COMPOSE.read_text())
    assert {name for name, _ in used} >= SECRETS
    assert [name for name, rest in used if name in SECRETS and not rest.startswith(":?")] == []


def test_only_the_worker_gets_the_private_key_and_an_aws_identity() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name, service in services.items():
        held = set(service.get("environment", {}))
        secret = {word for word in held if word in WORKERS_OWN or word.startswith("AWS_")}
        assert bool(secret) == (name == "worker"), name


def test_what_is_always_on_belongs_to_no_profile() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    always = {name for name, service in services.items() if not service.get("profiles")}
    assert always == {"postgres", "redis", "migrate", "web", "worker", "beat"}
    assert {name for name, service in services.items() if service.get("profiles") == ["demo"]} == {
        "people",
        "cloud",
    }


def test_every_service_that_stays_has_a_health_check() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    staying = {name: service for name, service in services.items() if service.get("restart") != "no"}
    assert [name for name, service in staying.items() if "healthcheck" not in service] == []


def test_the_example_environment_names_what_the_compose_file_demands() -> None:
    demanded = set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE.read_text()))
    example = set(re.findall(r"(?m)^([A-Z_]+)=", (ROOT / ".env.example").read_text()))
    demo = set(re.findall(r"(?m)^([A-Z_]+)=", (ROOT / "demo" / "compose.env").read_text()))
    assert demanded <= example
    assert demanded <= demo


def test_every_documented_setting_reaches_its_process() -> None:
    table = re.findall(r"(?m)^\| (`[A-Z_`, ]+`) \| ", (ROOT / "docs" / "operations.md").read_text())
    documented = {name for row in table for name in re.findall(r"[A-Z_]+", row)}
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    web, worker = (set(services[name]["environment"]) for name in ("web", "worker"))
    assert "SECRET_KEY" in documented
    # A container keeps no file unless it is given a place for it: its log has the audit log's end, too.
    assert documented - web - worker == {"AUDIT_HEAD_FILE"}
    # A worker's threads live on, and keep their connections themselves.
    assert (documented & web) - worker == {"DATABASE_POOL_SIZE"}


def _stage(name: str) -> list[tuple[str, str]]:
    """The instructions of a stage of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    stage = re.search(rf"(?ms)^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", text)
    assert stage, name
    lines = [line for line in stage[1].splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def _build(stage: str, root: Path) -> None:
    """Do what the stage's COPY and RUN say, in their order, below `root` and with this machine's Python."""
    environment = clean_environment() | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    for instruction, words in _stage(stage):
        if instruction == "COPY":
            *sources, target = words.split()
            for source in sources:
                into = root / target / Path(source).name if target.endswith("/") else root / target
                into.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, into, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, into)
        elif instruction == "RUN" and not words.startswith("useradd"):
            done = subprocess.run(
                ["/bin/sh", "-c", words],
                cwd=root,
                env=environment,
                text=True,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"


def _answers(port: int) -> bool:
    request = Request(f"http://127.0.0.1:{port}/accounts/login/")
    request.add_header("Host", "onboarding.example.org")
    request.add_header("X-Forwarded-Proto", "https")
    try:
        with urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200 and "/static/" in answer.read().decode())
    except (URLError, OSError):
        return False


@pytest.mark.end_to_end
def test_the_portal_image_s_own_commands_install_and_serve_it(tmp_path: Path) -> None:
    root = tmp_path / "portal"
    root.mkdir()
    _build("build", root)
    port = free_port()
    environment = production_environment() | {
        "PATH": f"{root}/.venv/bin:{os.environ['PATH']}",
        "DATABASE_URL": f"sqlite:///{tmp_path}/portal.sqlite3",
        "COMPANY_FILE": str(root / "company.example.toml"),
        "PORT": str(port),
    }
    migrate = subprocess.run(
        ["python", "manage.py", "migrate", "--noinput"],
        cwd=root,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert migrate.returncode == 0, migrate.stderr
    command = re.findall(r'"([^"]+)"', dict(_stage("portal"))["CMD"])
    command = [
        str(port) if word == "8000" else "127.0.0.1" if word == "0.0.0.0" else word for word in command
    ]
    with Processes(tmp_path / "logs", cwd=root) as processes:
        processes.start("web", command, environment)
        processes.wait_until("web", lambda: _answers(port))
        done = subprocess.run(["python", "-m", "portal.healthcheck"], cwd=root, env=environment, check=False)
        assert done.returncode == 0
    done = subprocess.run(
        ["python", "-m", "portal.healthcheck"], cwd=root, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 1


@pytest.mark.end_to_end
def test_the_stand_in_image_s_own_commands_install_and_serve_it(tmp_path: Path) -> None:
    root = tmp_path / "sandbox"
    root.mkdir()
    _build("sandbox", root)
    port = free_port()
    command = re.findall(r'"([^"]+)"', dict(_stage("sandbox"))["CMD"])
    command = [
        str(port) if word == "4599" else "127.0.0.1" if word == "0.0.0.0" else word for word in command
    ]
    with Processes(tmp_path / "logs", cwd=root) as processes:
        processes.start("cloud", command, {"PATH": f"{root}/.venv/bin:{os.environ['PATH']}"})
        deadline = time.monotonic() + 60
        while not processes.has_said("cloud", "ready: http"):
            assert processes.ended() is None, processes.tail("cloud")
            assert time.monotonic() < deadline
            time.sleep(0.1)
