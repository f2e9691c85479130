"""How is the same question put to the database again and again, and into SQL only once?

Django puts a query together anew each time that it is asked, which takes several times as long as fetching a
few rows does. What a page always asks in the same way, but for a key, is therefore kept as SQL. Django makes
it of an ordinary query when it is first asked, with a blank where the key stands. Answers are never kept.

Each way to the database and back takes longer than most answers. Questions that don't wait for one another go
there together.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Expression, Field, QuerySet

Row = TypeVar("Row")


class Prepared(Generic[Row]):
    """A question whose answers are `Row`s, each made of the values of a `values_list`.

    `question` is called once, with a blank for a value of each of the fields in `about`.
    """

    def __init__(
        self, row: Callable[..., Row], question: Callable[..., QuerySet[Any, Any]], *about: "Field[Any, Any]"
    ) -> None:
        self._row = row
        self._question = question
        self._about = about
        self._made: _Made | None = None

    def ask(self, *keys: Any) -> list[Row]:
        rows: list[Row]
        (rows,) = ask_together(self.asked(*keys))
        return rows

    def asked(self, *keys: Any) -> "_Asked":
        """To be asked together with others."""
        if self._made is None:
            blanks = [_Blank(place, field) for place, field in enumerate(self._about)]
            self._made = _Made(self._question(*blanks), self._row)
        return self._made, keys


def ask_together(*asked: "_Asked") -> list[list[Any]]:
    """The rows of each: `ask_together(first.asked(key), second.asked())`."""
    statements = [made.statement(keys) for made, keys in asked]
    found = _at_once(statements) if _takes_several() else _one_by_one(statements)
    return [made.rows(values) for (made, _keys), values in zip(asked, found, strict=True)]


def _takes_several() -> bool:
    """PostgreSQL does, where psycopg puts the parameters in; bound at the server, each goes alone."""
    return (
        connection.vendor == "postgresql"
        and connection.settings_dict["OPTIONS"].get("server_side_binding") is not True
    )


def _at_once(statements: Sequence[tuple[str, list[Any]]]) -> list[list[Any]]:
    """There is a set of rows for each statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "; ".join(sql for sql, _parameters in statements),
            [each for _sql, parameters in statements for each in parameters],
        )
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
    return found


def _one_by_one(statements: Sequence[tuple[str, list[Any]]]) -> list[list[Any]]:
    found = []
    with connection.cursor() as cursor:
        for sql, parameters in statements:
            cursor.execute(sql, parameters)
            found.append(cursor.fetchall())
    return found


def columns_of(row: type[Any]) -> list[str]:
    """What a `values_list` is to ask for, to make such dataclasses."""
    return [field.name for field in fields(row)]


class _Blank(Expression):
    """Stands where a key will."""

    def __init__(self, place: int, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.place = place

    def as_sql(self, compiler: Any, connection: Any) -> Any:  # noqa: ARG002 - as Django calls it
        return "%s", [self]

    def filled(self, keys: tuple[Any, ...]) -> Any:
        return self.output_field.get_db_prep_value(keys[self.place], connection)


class _Made:
    """The SQL, how each column's values are read, and what a row is made of them."""

    def __init__(self, queryset: QuerySet[Any, Any], row: Callable[..., Any]) -> None:
        self._row = row
        # Of whoever asks, and not of the thread that asks first: that one's would be held open for ever.
        self._compiler = queryset.query.get_compiler(connection=connection)
        self._sql, self._parameters = self._compiler.as_sql()
        self._converters = self._compiler.get_converters([column for column, *_ in self._compiler.select])

    def statement(self, keys: tuple[Any, ...]) -> tuple[str, list[Any]]:
        return self._sql, [
            each.filled(keys) if isinstance(each, _Blank) else each for each in self._parameters
        ]

    def rows(self, found: Iterable[Any]) -> list[Any]:
        if self._converters:
            found = self._compiler.apply_converters(found, self._converters)
        return [self._row(*values) for values in found]


_Asked = tuple[_Made, tuple[Any, ...]]
