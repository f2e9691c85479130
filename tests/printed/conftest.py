"""The commands that pages print, as their copy buttons give them, and a shell with AWS's own command line."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from sandbox.client import Credentials, Sandbox
from tests.engine.conftest import address, cloud, owner_of

__all__ = ["address", "cloud", "owner_of"]

ROOT = Path(__file__).resolve().parents[2]
AWS = ROOT / ".venv-awscli" / "bin"


class _Blocks(HTMLParser):
    """Each code block of a page, by its label."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._label = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre":
            self._label = dict(attrs).get("aria-label") or "?"
            assert self._label not in self.found, "two blocks of one name"
            self.found[self._label] = ""

    def handle_data(self, data: str) -> None:
        if self._label:
            self.found[self._label] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._label = ""


def blocks_of(browser: Client, url: str) -> dict[str, str]:
    """What somebody who presses the copy buttons of a page gets, by the blocks' names."""
    answer = browser.get(url)
    assert answer.status_code == 200
    parser = _Blocks()
    parser.feed(answer.text)
    return parser.found


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell of somebody who is signed in to an account, with nothing else of theirs or ours."""

    keys: Credentials
    cloud: Sandbox
    place: Path

    def run(self, block: str, *, fails: bool = False) -> str:
        """What a block of commands prints. Each of its commands must succeed, unless it is to fail."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=self.place,
            env={
                "PATH": f"{self.place}:{os.environ['PATH']}",
                "HOME": str(self.place),
                "AWS_EC2_METADATA_DISABLED": "true",
                **self.keys.for_environment(),
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert (done.returncode != 0) == fails, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if fails else "")


@pytest.fixture
def shell_of(cloud: Sandbox, tmp_path: Path) -> Callable[..., Shell]:
    """`shell_of(owner.keys())`."""
    if not (AWS / "aws").exists():
        pytest.skip("AWS's command line, .venv-awscli, is not installed: make setup")

    def make(keys: Credentials) -> Shell:
        place = tmp_path / keys.access_key_id
        place.mkdir(exist_ok=True)
        # Said to each command: by the environment alone, `aws sqs` doesn't hear of it.
        command = place / "aws"
        command.write_text(f'#!/bin/sh\nexec {AWS}/aws --endpoint-url {cloud.url} "$@"\n')
        command.chmod(0o700)
        return Shell(keys, cloud, place)

    return make


@pytest.fixture(autouse=True)
def _light_settings(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True
