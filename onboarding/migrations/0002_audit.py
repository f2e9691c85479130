"""The audit log, which the database itself refuses to change.

Beware on SQLite: a later migration that alters these tables makes them anew and loses the triggers. Such a
migration must run `forbid_changes` again; tests/audit/test_append_only.py fails otherwise.
"""

from typing import Any

from django.db import migrations, models

_CONTENT = (
    "id", "at", "kind", "actor_id", "actor", "account_id", "account_number", "run_id", "ip", "details",
)

_SQLITE = (
    """
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON onboarding_auditrecord
    WHEN OLD.sequence IS NOT NULL OR """
    + " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _CONTENT)
    + """
    BEGIN SELECT RAISE(ABORT, 'Audit records are never changed.'); END
    """,
    """
    CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON onboarding_auditrecord
    BEGIN SELECT RAISE(ABORT, 'Audit records are never removed.'); END
    """,
)

_POSTGRESQL = (
    """
    CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF OLD.sequence IS NULL AND ROW("""
    + ", ".join(f"NEW.{name}" for name in _CONTENT)
    + """) IS NOT DISTINCT FROM ROW("""
    + ", ".join(f"OLD.{name}" for name in _CONTENT)
    + """) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'Audit records are never changed.';
        END IF;
        RAISE EXCEPTION 'Audit records are never removed.';
    END $$
    """,
    """
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE ON onboarding_auditrecord
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()
    """,
    """
    CREATE TRIGGER audit_is_never_removed BEFORE TRUNCATE ON onboarding_auditrecord
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
    """,
)


def forbid_changes(apps: Any, schema_editor: Any) -> None:
    allow_changes(apps, schema_editor)
    statements = _SQLITE if schema_editor.connection.vendor == "sqlite" else _POSTGRESQL
    for statement in statements:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(statement)


def allow_changes(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor == "sqlite":
            for name in ("audit_is_never_changed", "audit_is_never_removed"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            for name in ("audit_is_never_changed", "audit_is_never_removed"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON onboarding_auditrecord")
            cursor.execute("DROP FUNCTION IF EXISTS audit_is_append_only()")


class Migration(migrations.Migration):

    dependencies = [
        ('onboarding', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditHead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sequence', models.BigIntegerField(default=0)),
                ('mac', models.CharField(blank=True, max_length=64)),
                ('key_id', models.CharField(blank=True, max_length=16)),
                ('at', models.DateTimeField(null=True)),
                ('proof', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_audit_head')],
            },
        ),
        migrations.CreateModel(
            name='AuditRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(max_length=40)),
                ('actor_id', models.BigIntegerField(null=True)),
                ('actor', models.CharField(blank=True, max_length=254)),
                ('account_id', models.BigIntegerField(null=True)),
                ('account_number', models.CharField(blank=True, max_length=12)),
                ('run_id', models.UUIDField(null=True)),
                ('ip', models.CharField(blank=True, max_length=45)),
                ('details', models.TextField(default='{}')),
                ('sequence', models.BigIntegerField(null=True, unique=True)),
                ('mac', models.CharField(blank=True, max_length=64)),
                ('key_id', models.CharField(blank=True, max_length=16)),
            ],
            options={
                'indexes': [models.Index(fields=['account_id', 'id'], name='audit_of_account'), models.Index(condition=models.Q(('sequence', None)), fields=['id'], name='audit_unsealed')],
            },
        ),
        migrations.RunPython(forbid_changes, allow_changes),
    ]
