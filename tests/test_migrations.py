"""May a new version be deployed while the old one's workers finish? Its migrations have to let them.

`migrate` runs first, and until the last old worker is gone it reads and writes the same tables. So a
migration of what workers write only adds: a new column is nullable or has a default *in the database* (an
old worker's INSERT doesn't name it), and nothing is renamed or taken away that the version before still
uses. Taking away is a later version's: it names itself in `CONTRACTS`.
"""

import pytest
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.fields import AddField, RemoveField, RenameField
from django.db.migrations.operations.models import DeleteModel, RenameModel
from django.db.models.fields import NOT_PROVIDED
from django.utils import timezone

from onboarding.models import AwsAccount, Run, WorkItem
from onboarding.states import Stage

# Before there was a version that anybody could have deployed.
FIRST_VERSION = 5
CONTRACTS: frozenset[str] = frozenset()

WRITTEN_BY_WORKERS = frozenset({"auditrecord", "event", "grant", "regionreading", "run", "step", "workitem"})


def later_operations() -> list[tuple[str, Operation]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return [
        (name, operation)
        for (app, name), migration in sorted(loader.disk_migrations.items())
        if app == "onboarding" and int(name[:4]) > FIRST_VERSION and name not in CONTRACTS
        for operation in migration.operations
    ]


def fault_of(operation: Operation) -> str:
    """Why an old worker would break on what this leaves; empty when it wouldn't."""
    model = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    model = str(getattr(operation, "old_name", model) if isinstance(operation, RenameModel) else model)
    if model.lower() not in WRITTEN_BY_WORKERS:
        return ""
    match operation:
        case RemoveField() | RenameField() | DeleteModel() | RenameModel():
            return "takes away what the version before reads and writes"
        case AddField(field=field) if not _may_be_left_out(field):
            return f"{operation.name}: an old worker's INSERT doesn't name it: null=True, or a db_default"
        case _:
            return ""


def _may_be_left_out(field: models.Field) -> bool:  # type: ignore[type-arg]
    return field.null or field.db_default is not NOT_PROVIDED or field.many_to_many is True


@pytest.mark.parametrize(("name", "operation"), later_operations())
def test_a_migration_lets_the_workers_of_the_version_before_finish(name: str, operation: Operation) -> None:
    assert fault_of(operation) == "", name


def test_the_rule_knows_what_would_break_an_old_worker() -> None:
    assert fault_of(AddField("run", "new", models.IntegerField(default=0)))
    assert fault_of(RemoveField("run", "plan"))
    assert fault_of(DeleteModel("Step"))
    assert fault_of(RenameModel("Step", "Part"))
    assert fault_of(RenameField("run", "plan", "the_plan"))
    assert not fault_of(AddField("run", "new", models.IntegerField(default=0, db_default=0)))
    assert not fault_of(AddField("run", "new", models.IntegerField(null=True)))


@pytest.mark.django_db
def test_a_row_written_by_the_version_before_is_whole() -> None:
    """As an old worker writes it: without the columns that came after its version."""
    account = AwsAccount.objects.create(number="1" * 12, name="An account", contact_email="o@example.org")
    run = Run.objects.create(account=account)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO onboarding_workitem (run_id, stage, region, due_at, holder, claims, faults)"
            " VALUES (%s, %s, '', %s, '', 0, 0)",
            [run.pk if connection.vendor == "postgresql" else run.pk.hex, Stage.SURVEY, timezone.now()],
        )
    item = WorkItem.objects.get()
    assert (item.breaks, item.trouble) == (0, None)
