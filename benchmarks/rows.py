"""Rows by the thousand, made by the database itself."""

from __future__ import annotations

from typing import Any

from django.db import connection, models

__all__ = ["KEY", "empty", "multiply", "settle"]

SERIES = {
    "postgresql": "SELECT i FROM generate_series(1, {number}) AS i",
    "sqlite": "WITH RECURSIVE series(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM series"
    " WHERE i < {number}) SELECT i FROM series",
}
KEYS = {
    "postgresql": "substr(md5(random()::text || i) || md5(i::text), 1, 40)",
    "sqlite": "lower(hex(randomblob(20)))",
}
UUIDS = {
    "postgresql": "gen_random_uuid()",
    "sqlite": "lower(hex(randomblob(16)))",
}
KEY = "KEY"
"""A new key in an SQL expression, for any database."""


def multiply(row: models.Model, number: int, **expressions: str) -> None:
    """Insert copies of a row; an expression in SQL, of the copy's number ``i``, gives a column.

    In it ``%`` is written ``%%``.
    """
    vendor: Any = connection.vendor
    quote = connection.ops.quote_name
    meta: Any = row._meta
    fields = [field for field in meta.concrete_fields if not isinstance(field, models.AutoField)]
    columns = [field.column for field in fields]
    new = {field.column: UUIDS[vendor] for field in fields if isinstance(field, models.UUIDField)}
    values = ((new | expressions).get(column, f"one.{quote(column)}") for column in columns)
    table, key = quote(meta.db_table), quote(meta.pk.column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(map(quote, columns))})"
            f" SELECT {', '.join(KEYS[vendor] if value == KEY else value for value in values)}"
            f" FROM {table} AS one, ({SERIES[vendor].format(number=number)}) AS series"
            f" WHERE one.{key} = %s",
            [row.pk],
        )


def empty(*names: str) -> None:
    """Delete all rows of these tables, without Django's cascades."""
    _each("TRUNCATE" if connection.vendor == "postgresql" else "DELETE FROM", names)


def settle(*names: str) -> None:
    """Vacuum and analyze these tables now, and not while something is measured."""
    _each("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE", names)


def _each(command: str, names: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"{command} {connection.ops.quote_name(name)}")
