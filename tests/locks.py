"""Do the lock files still say what was asked for? Answered without a network: `python -m tests.locks`.

Each requirement of pyproject.toml must be pinned to a version that it allows, carry hashes, and be noted as
asked for; and nothing may be noted so that is no longer asked for.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")


def asked_for() -> dict[str, tuple[str, list[Requirement]]]:
    """For each lock file, who asks (as uv notes it) and for what."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    run = [Requirement(text) for text in project["dependencies"]]
    demo = run + [Requirement(text) for text in extras["embedded"]]
    dev = demo + [Requirement(text) for text in extras["dev"]]
    return {
        "run.lock": ("account-onboarding (pyproject.toml)", run),
        "demo.lock": ("account-onboarding (pyproject.toml)", demo),
        "dev.lock": ("account-onboarding (pyproject.toml)", dev),
        "sandbox.lock": ("-r sandbox/requirements.in", _listed(ROOT / "sandbox" / "requirements.in")),
        "awscli.lock": ("-r requirements/awscli.in", _listed(ROOT / "requirements" / "awscli.in")),
        "bootstrap.lock": ("-r requirements/bootstrap.in", _listed(ROOT / "requirements" / "bootstrap.in")),
    }


def _listed(path: Path) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def _entries(lock: str) -> Iterable[tuple[NormalizedName, str, str]]:
    """Each pinned package: its name, version, and the indented lines that follow."""
    for entry in re.split(r"(?m)^(?=[A-Za-z0-9])", lock):
        if found := PINNED.match(entry):
            yield canonicalize_name(found["name"]), found["version"], entry


def faults_of(lock: str, asker: str, requirements: list[Requirement]) -> list[str]:
    """What is wrong with a lock file's text; empty when nothing is."""
    faults = [f"names an index: {line}" for line in lock.splitlines() if "index-url" in line or "://" in line]
    wanted = {canonicalize_name(requirement.name): requirement for requirement in requirements}
    noted: set[NormalizedName] = set()
    for name, version, entry in _entries(lock):
        if "--hash=sha256:" not in entry:
            faults.append(f"{name} has no hash")
        if re.search(rf"(?m)^    #   (?:via )?{re.escape(asker)}$|^    # via {re.escape(asker)}$", entry):
            noted.add(name)
        if name in wanted and not wanted[name].specifier.contains(version, prereleases=True):
            faults.append(f"{name} is {version}, but {wanted[name]} is asked for")
    faults += [f"{name} is asked for and not there" for name in sorted(wanted.keys() - noted)]
    faults += [f"{name} is noted as asked for and is not" for name in sorted(noted - wanted.keys())]
    return faults


def main() -> int:
    faults = [
        f"requirements/{name}: {fault}"
        for name, (asker, requirements) in asked_for().items()
        for fault in faults_of((ROOT / "requirements" / name).read_text(), asker, requirements)
    ]
    for fault in faults:
        print(f"{fault}. Run `make lock`.", file=sys.stderr)
    if not faults:
        print("Lock files agree with what is asked for.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
