"""The statements that read, write and end a session, without a compilation each time.

The ORM takes longer to compile a statement of this size than a database to run it. What
stands here is what the ORM makes of the same columns; what it has ways of its own for is left
to it: expressions, fields with placeholders, models of two tables, receivers of a save.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.db.models import Field, Model
from django.db.models.signals import post_save, pre_save

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from session_backend.fields import Digest
    from session_backend.models import AbstractSession

__all__ = ["columns_of", "delete", "insert", "select", "update"]

Fields = tuple["Field[Any, Any]", ...]


def select(
    model: type[AbstractSession], using: str, key: Digest, now: datetime, names: tuple[str, ...]
) -> tuple[Any, ...] | None:
    """Return these columns of a session, None where there is none that lives longer than now."""
    where = (model._meta.pk.attname, "expire_date")
    fields, conditions = plain_fields(model, names), plain_fields(model, where)
    if not fields or not conditions:
        rows = model._base_manager.using(using).filter(pk=key, expire_date__gt=now)
        return rows.values_list(*names).first()
    connection = connections[using]
    columns = ", ".join(quoted(connection, fields))
    one, other = quoted(connection, conditions)
    sql = f"SELECT {columns} FROM {table(connection, model)} WHERE {one} = %s AND {other} > %s"
    with connection.cursor() as cursor:
        cursor.execute(sql, prepared(connection, conditions, (key, now)))
        row = cursor.fetchone()
    return None if row is None else converted(connection, fields, row)


def insert(row: AbstractSession, using: str) -> None:
    """Insert a row that holds all its columns."""
    model = type(row)
    fields = plain_fields(model, tuple(field.attname for field in model._meta.concrete_fields))
    values = [field.pre_save(row, add=True) for field in fields or ()]
    is_watched = pre_save.has_listeners(model) or post_save.has_listeners(model)
    if not fields or has_expression(values) or is_watched or model.save is not Model.save:
        row.save(force_insert=True, using=using)
        return
    connection = connections[using]
    names = ", ".join(quoted(connection, fields))
    marks = ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {table(connection, model)} ({names}) VALUES ({marks})"
    execute(connection, sql, prepared(connection, fields, values))


def update(row: AbstractSession, using: str, **unchanged: Any) -> int:
    """Write the columns that a row holds, if it is there and these are unchanged.

    Returns how many rows were written, 1 or 0.
    """
    model = type(row)
    columns = columns_of(row)
    where = {model._meta.pk.attname: row.pk, **unchanged}
    fields = plain_fields(model, tuple(columns))
    conditions = plain_fields(model, tuple(where))
    if not fields or not conditions or has_expression(columns.values()):
        return model._base_manager.using(using).filter(**where).update(**columns)
    connection = connections[using]
    changes = ", ".join(f"{name} = %s" for name in quoted(connection, fields))
    tests = " AND ".join(f"{name} = %s" for name in quoted(connection, conditions))
    sql = f"UPDATE {table(connection, model)} SET {changes} WHERE {tests}"
    params = prepared(connection, fields + conditions, [*columns.values(), *where.values()])
    return execute(connection, sql, params)


def delete(model: type[AbstractSession], using: str, keys: Sequence[Digest]) -> int:
    """Delete the rows with these keys, one at least, and return how many there were."""
    connection = connections[using]
    fields = (model._meta.pk,) * len(keys)
    [key] = quoted(connection, fields[:1])
    marks = ", ".join(["%s"] * len(keys))
    sql = f"DELETE FROM {table(connection, model)} WHERE {key} IN ({marks})"
    return execute(connection, sql, prepared(connection, fields, keys))


def columns_of(row: AbstractSession) -> dict[str, Any]:
    """Return the columns that a row holds, all but its key."""
    names = (field.attname for field in row._meta.concrete_fields if not field.primary_key)
    return {name: row.__dict__[name] for name in names if name in row.__dict__}


@cache
def plain_fields(model: type[AbstractSession], names: tuple[str, ...]) -> Fields | None:
    """Return the fields of these columns, None where the ORM has a way of its own with one."""
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    fields = tuple(by_name[name] for name in names)
    return fields if all(map(is_plain, fields)) and not model._meta.parents else None


def is_plain(field: Field[Any, Any]) -> bool:
    # The second is the name since Django 6.1.
    if hasattr(field, "get_placeholder") or hasattr(field, "get_placeholder_sql"):
        return False
    return type(field).select_format is Field.select_format


def has_expression(values: Iterable[object]) -> bool:
    return any(hasattr(value, "resolve_expression") for value in values)


def table(connection: BaseDatabaseWrapper, model: type[AbstractSession]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def quoted(connection: BaseDatabaseWrapper, fields: Fields) -> list[str]:
    return [connection.ops.quote_name(str(field.column)) for field in fields]


def prepared(
    connection: BaseDatabaseWrapper, fields: Fields, values: Iterable[object]
) -> list[Any]:
    return [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, values, strict=True)
    ]


def converted(
    connection: BaseDatabaseWrapper, fields: Fields, row: Iterable[Any]
) -> tuple[Any, ...]:
    values = []
    for field, value in zip(fields, row, strict=True):
        column: Any = field.cached_col
        converters = connection.ops.get_db_converters(column)
        for convert in (*converters, *column.get_db_converters(connection)):
            value = convert(value, column, connection)
        values.append(value)
    return tuple(values)


def execute(connection: BaseDatabaseWrapper, sql: str, params: Sequence[Any]) -> int:
    # As in the ORM: an error inside a transaction spoils it, and the database is not asked again.
    with transaction.mark_for_rollback_on_error(connection.alias), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
