"""`manage.py audit`: says whether the log is whole, by its exit status too, and gives it out."""

import base64
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from onboarding.models import AwsAccount, audit

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def heads(settings: Settings, tmp_path: Path) -> Path:
    settings.AUDIT_KEYS = [base64.b64encode(b"k" * 32).decode()]
    settings.AUDIT_HEAD_FILE = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


@pytest.fixture
def account(db: None) -> AwsAccount:
    return AwsAccount.objects.create(number="123456789012", name="x", contact_email="x@example.org")


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("audit", *words, stdout=out)
    return out.getvalue()


def write(count: int) -> None:
    for number in range(count):
        audit.append("test.written", number=number)


def test_a_whole_log_is_said_to_be_whole() -> None:
    write(5)
    assert run("seal") == "5 records sealed.\n"
    told = run("verify")
    assert "5 sealed records read" in told
    assert "The audit log is whole; it ends with #5 " in told


def test_a_changed_record_is_named_and_fails_the_command() -> None:
    write(5)
    run("seal")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE onboarding_auditrecord SET kind = 'x' WHERE sequence = 3")
    with pytest.raises(CommandError, match=r"NOT whole. First: #3 \(row \d+\)") as failed:
        run("verify")
    assert failed.value.returncode == 1


def test_without_any_head_from_outside_it_says_what_may_go_unnoticed(settings: Settings) -> None:
    settings.AUDIT_HEAD_FILE = ""
    write(1)
    run("seal")
    assert "a cut-off end may go unnoticed" in run("verify")


def test_heads_are_read_from_the_files_that_are_named(heads: Path, settings: Settings) -> None:
    write(2)
    run("seal")
    settings.AUDIT_HEAD_FILE = ""
    assert "1 heads from outside" in run("verify", "--head-file", str(heads))
    with pytest.raises(CommandError, match="can't be read"):
        run("verify", "--head-file", str(heads) + ".absent")


def test_without_the_key_it_says_so(settings: Settings, heads: Path) -> None:
    heads.touch()
    settings.AUDIT_KEYS, settings.AUDIT_DEVELOPMENT_FILE = [], None
    with pytest.raises(CommandError, match="AUDIT_KEYS is empty here"):
        run("verify")


def test_an_account_or_a_time_is_exported_alone(account: AwsAccount) -> None:
    write(2)
    audit.append("plan.approved", account_id=account.pk, digest="d")
    assert [json.loads(line)["kind"] for line in run("export").splitlines()] == [
        "test.written",
        "test.written",
        "plan.approved",
    ]
    [line] = run("export", "--account", account.number).splitlines()
    told = json.loads(line)
    assert (told["account"], told["data"], told["sequence"]) == (account.number, {"digest": "d"}, None)
    assert run("export", "--since", "2999-01-01") == ""


def test_a_made_up_account_or_time_is_refused() -> None:
    with pytest.raises(CommandError, match="No account 999999999999"):
        run("export", "--account", "999999999999")
    with pytest.raises(CommandError, match="is no time"):
        run("export", "--since", "yesterday")
