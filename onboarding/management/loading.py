"""How do very many rows get into a table quickly? COPY on PostgreSQL, prepared statements elsewhere."""

# ruff: noqa: SLF001 - what Django documents under these names

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models
from django.db.models.fields import NOT_PROVIDED


def load(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert the rows; columns that aren't named get the model's default. No signals, no checks but SQL's."""
    named = [model._meta.get_field(name) for name in columns]
    others = [
        field
        for field in model._meta.concrete_fields
        if field not in named and not field.primary_key and field.db_default is NOT_PROVIDED
    ]
    rest = tuple(field.get_db_prep_save(field.get_default(), connection) for field in others)
    prepare = [field.get_db_prep_save for field in named]  # type: ignore[union-attr]
    names = [str(field.column) for field in (*named, *others)]  # type: ignore[union-attr]
    quoted = ", ".join(connection.ops.quote_name(name) for name in names)
    table = connection.ops.quote_name(model._meta.db_table)
    ready = (
        (*(act(value, connection) for act, value in zip(prepare, row, strict=True)), *rest) for row in rows
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.cursor.copy(f"COPY {table} ({quoted}) FROM STDIN") as copy:
                for row in ready:
                    copy.write_row(row)
        else:
            holes = ", ".join(["%s"] * len(names))
            cursor.executemany(f"INSERT INTO {table} ({quoted}) VALUES ({holes})", list(ready))  # noqa: S608


def next_id(model: type[models.Model]) -> int:
    return int(model._default_manager.aggregate(last=models.Max("pk"))["last"] or 0) + 1


def go_on_counting(*loaded: type[models.Model]) -> None:
    """Let the tables' own counters go on after the ids that were loaded."""
    statements = connection.ops.sequence_reset_sql(no_style(), list(loaded))
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
