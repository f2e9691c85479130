"""Nothing changes or removes a record: neither the model nor the database lets it."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from onboarding.audit.seal import seal_committed
from onboarding.models import AuditRecord, AwsAccount, audit
from onboarding.models.audit import AppendOnly, Seal
from tests.audit.conftest import MIGRATION, raw, write_and_seal

SEALED = "UPDATE onboarding_auditrecord SET sequence = 7, mac = 'x' WHERE sequence = 1"


@pytest.mark.django_db
def test_the_model_refuses() -> None:
    record = audit.append("test.written")
    for act in (
        record.save,
        record.delete,
        AuditRecord.objects.all().delete,
        lambda: AuditRecord.objects.update(kind="x"),
        lambda: AuditRecord.objects.bulk_update([record], ["kind"]),
    ):
        with pytest.raises(AppendOnly):
            act()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("triggers")
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM onboarding_auditrecord",
        "DELETE FROM onboarding_auditrecord WHERE sequence IS NULL",
        SEALED,
        "UPDATE onboarding_auditrecord SET sequence = NULL WHERE sequence = 1",
        *(
            f"UPDATE onboarding_auditrecord SET {name} = {value} WHERE {which}"
            for which in ("sequence IS NULL", "sequence = 1")
            for name, value in {
                "kind": "'x'",
                "actor_id": "1",
                "actor": "'x'",
                "account_id": "1",
                "account_number": "'x'",
                "run_id": "'00000000000000000000000000000001'",
                "ip": "'x'",
                "details": "'x'",
                "id": "99999",
                "at": "'2020-01-01 00:00:00'",
            }.items()
        ),
    ],
)
def test_the_database_refuses(statement: str) -> None:
    write_and_seal(1)
    audit.append("test.written")
    before = list(AuditRecord.objects.values())
    with pytest.raises(DatabaseError, match="never"), transaction.atomic():
        raw(statement)
    assert list(AuditRecord.objects.values()) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("triggers")
def test_the_database_refuses_to_empty_the_table() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(DatabaseError, match="never"), transaction.atomic():
        raw("TRUNCATE onboarding_auditrecord")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("triggers")
def test_the_sealer_may_seal_once() -> None:
    write_and_seal(4)
    assert AuditRecord.objects.exclude(sequence=None).count() == 4


@pytest.mark.django_db
def test_what_is_sealed_already_is_not_sealed_again() -> None:
    write_and_seal(1)
    with pytest.raises(AppendOnly), transaction.atomic():
        AuditRecord.objects.write_seals([Seal(AuditRecord.objects.get().pk, 2, "x", "x")])


@pytest.mark.django_db
def test_a_record_outlives_the_user_and_the_account_it_names(django_user_model: type[User]) -> None:
    user = django_user_model.objects.create_user("owner", email="owner@example.org")
    account = AwsAccount.objects.create(number="123456789012", name="x", contact_email="x@example.org")
    audit.append("test.written", actor_id=user.pk, account_id=account.pk)
    user.delete()
    account.delete()
    seal_committed()
    record = AuditRecord.objects.get()
    assert (record.actor, record.account_number) == ("owner@example.org", "123456789012")


def test_the_migrations_leave_the_triggers_in_place(tmp_path: Path) -> None:
    """Also a later migration that makes the table anew, as SQLite's do."""
    program = """
import django; django.setup()
from django.core.management import call_command
from django.db import connection
for target in ("zero", None):
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        assert [name for (name,) in cursor.fetchall()] == ["audit_is_never_changed", "audit_is_never_removed"]
    if target:
        call_command("migrate", "onboarding", target, verbosity=0)
"""
    environment = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path}/fresh.sqlite3",
        "PATH": str(Path(sys.executable).parent),
    }
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=120)


def test_the_triggers_name_every_column_of_a_record() -> None:
    columns = {field.column for field in AuditRecord._meta.concrete_fields}
    assert set(MIGRATION._CONTENT) == columns - {"sequence", "mac", "key_id"}
