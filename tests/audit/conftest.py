"""A key, a head file and some records for the audit log's tests."""

import base64
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from onboarding.audit.chain import keys
from onboarding.audit.heads import Head
from onboarding.audit.seal import seal_committed
from onboarding.audit.verify import Report, verify
from onboarding.models import audit

MIGRATION = import_module("onboarding.migrations.0002_audit")


def a_key(number: int) -> str:
    return base64.b64encode(bytes([number]) * 32).decode()


@pytest.fixture
def head_file(tmp_path: Path) -> Path:
    return tmp_path / "heads.jsonl"


@pytest.fixture(autouse=True)
def _key_and_head_file(settings: Settings, head_file: Path) -> None:
    settings.AUDIT_KEYS = [a_key(1)]
    settings.AUDIT_HEAD_FILE = str(head_file)


@pytest.fixture
def triggers(transactional_db: None) -> Iterator[None]:
    """The database's own refusals, which other tests do without."""
    editor = SimpleNamespace(connection=connection)
    MIGRATION.forbid_changes(None, editor)
    yield
    MIGRATION.allow_changes(None, editor)


def write_and_seal(count: int, *, at_a_time: int = 3) -> None:
    for number in range(1, count + 1):
        audit.append("test.written", account_id=None, number=number, text=f"record {number}: é, 漢, \x00, ;")
        if number % at_a_time == 0:
            seal_committed()
    seal_committed()


@pytest.fixture
def checked(head_file: Path) -> Callable[..., Report]:
    """Verify now, with the head file or without."""

    def check(*, with_heads: bool = True) -> Report:
        lines = head_file.read_text().splitlines() if with_heads and head_file.exists() else []
        return verify(keys(), lines, now=timezone.now())

    return check


def raw(statement: str, *values: int | str | None) -> None:
    """What somebody does who may write the database."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def last_head_in(file: Path) -> Head:
    return Head.from_line(file.read_text().splitlines()[-1])
