"""Statements that the ORM makes too slowly, or does not make.

It takes longer to compile the SELECT and the UPDATE of every request, or the SELECT of a poll, than
a database takes to run them. Here they are put together from the same columns. Whatever the ORM
treats in a way of its own is left to it: expressions, fields with placeholders, models of two
tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, transaction
from django.db.models import Field, Model, QuerySet
from django.db.models.constants import OnConflict

from session_backend.auth import accepted_hashes

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.db.backends.base.base import BaseDatabaseWrapper

    from session_backend.fields import Digest

__all__ = ["insert_from", "newest", "saved_columns", "select", "update"]

Fields = tuple["Field[Any, Any]", ...]

CONDITIONS = ("session_key", "expire_date")
OTHERS = (*CONDITIONS, "idle_expires_at", "user_id", "auth_hash")


def select(
    rows: QuerySet[Any], key: Digest, now: datetime, names: tuple[str, ...]
) -> tuple[Any, ...] | None:
    """Return these columns of a session, or None if there is none that expires after ``now``."""
    model: Any = rows.model
    connection = connections[rows.db]
    fields, conditions = plain_fields(model, names), plain_fields(model, CONDITIONS)
    if not fields or not conditions:
        found = rows.filter(session_key=key, expire_date__gt=now)
        return found.values_list(*names).first()
    columns = ", ".join(quoted(connection, fields))
    session_key, expire_date = quoted(connection, conditions)
    sql = (
        f"SELECT {columns} FROM {table(connection, model)} "
        f"WHERE {session_key} = %s AND {expire_date} > %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, prepared(connection, conditions, (key, now)))
        row = cursor.fetchone()
    return None if row is None else converted(connection, fields, row)


def newest(
    rows: QuerySet[Any],
    user: AbstractBaseUser | AnonymousUser,
    key: Digest,
    now: datetime,
    names: tuple[str, ...],
) -> tuple[Any, ...] | None:
    """Return how many active sessions a user has beside one, and the maxima of these columns.

    None where the ORM has to tell.
    """
    model: Any = rows.model
    connection = connections[rows.db]
    fields, conditions = plain_fields(model, names), plain_fields(model, OTHERS)
    if not fields or not conditions:
        return None
    hashes = accepted_hashes(user)
    maxima = ", ".join(f"MAX({name})" for name in quoted(connection, fields))
    session_key, expire_date, idle_at, user_id, auth_hash = quoted(connection, conditions)
    sql = (
        f"SELECT COUNT(*), {maxima} FROM {table(connection, model)} "
        f"WHERE {session_key} <> %s AND {expire_date} > %s "
        f"AND ({idle_at} IS NULL OR {idle_at} > %s) AND {user_id} = %s "
        f"AND {auth_hash} IN ({', '.join(['%s'] * len(hashes))})"
    )
    columns = (*conditions[:-1], *conditions[-1:] * len(hashes))
    with connection.cursor() as cursor:
        cursor.execute(sql, prepared(connection, columns, (key, now, now, user.pk, *hashes)))
        count, *found = cursor.fetchone()
    return (count, *converted(connection, fields, found))


def update(rows: QuerySet[Any], row: Any, **unchanged: Any) -> int:
    """Write the columns that a row holds, if it is there and these columns are unchanged.

    Returns how many rows were written, 1 or 0.
    """
    model: Any = rows.model
    connection = connections[rows.db]
    columns = saved_columns(row)
    where = {"session_key": row.session_key, **unchanged}
    fields = plain_fields(model, tuple(columns))
    conditions = plain_fields(model, tuple(where))
    if not fields or not conditions or has_expression(columns.values()):
        return rows.filter(**where).update(**columns)
    changes = ", ".join(f"{name} = %s" for name in quoted(connection, fields))
    tests = " AND ".join(f"{name} = %s" for name in quoted(connection, conditions))
    sql = f"UPDATE {table(connection, model)} SET {changes} WHERE {tests}"
    params = prepared(connection, fields + conditions, [*columns.values(), *where.values()])
    # As in the ORM, an error inside a transaction marks it for rollback.
    with transaction.mark_for_rollback_on_error(rows.db), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def insert_from(
    model: type[Model], rows: QuerySet[Any], names: Sequence[str], expressions: Mapping[str, Any]
) -> None:
    """Insert a row for each of these rows, unless there is one, and lock these.

    ``names`` are columns that both tables have; ``expressions`` are the others.
    """
    connection = connections[rows.db]
    query = rows.query
    if query.count_active_tables() > 1 or query.distinct or query.group_by or query.combinator:
        # A database locks no groups, and not both sides of an outer join.
        rows = rows.model._base_manager.using(rows.db).filter(pk__in=rows.values("pk"))
    # The prefix keeps them apart from columns of the site's own.
    extra = {f"insert_{name}": value for name, value in expressions.items()}
    query = rows.select_for_update().annotate(**extra).values_list(*names, *extra).query
    try:
        select, params = query.get_compiler(rows.db).as_sql()
    except EmptyResultSet:
        return
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    fields = tuple(by_name[name] for name in (*names, *expressions))
    ops, ignore = connection.ops, OnConflict.IGNORE
    sql = (
        f"{ops.insert_statement(on_conflict=ignore)} {table(connection, model)} "
        f"({', '.join(quoted(connection, fields))}) {select} "
        f"{ops.on_conflict_suffix_sql(fields, ignore, [], [])}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def saved_columns(row: Any) -> dict[str, Any]:
    """Return the columns that a save writes: those that the row holds, and ``auto_now``'s."""
    for field in automatic_fields(row._meta.model):
        setattr(row, field.attname, field.pre_save(row, add=False))
    names = (field.attname for field in row._meta.concrete_fields if not field.primary_key)
    return {name: row.__dict__[name] for name in names if name in row.__dict__}


@cache
def automatic_fields(model: type[Model]) -> Fields:
    """Return the fields that give themselves a value at each save (``Field.pre_save``)."""
    fields = (field for field in model._meta.concrete_fields if not field.generated)
    return tuple(
        field
        for field in fields
        if getattr(field, "auto_now", type(field).pre_save is not Field.pre_save)
    )


@cache
def plain_fields(model: type[Model], names: tuple[str, ...]) -> Fields | None:
    """Return the fields of these columns, or None if one needs the ORM."""
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


def table(connection: BaseDatabaseWrapper, model: type[Model]) -> str:
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
    connection: BaseDatabaseWrapper, fields: Fields, row: Sequence[Any]
) -> tuple[Any, ...]:
    values = []
    for field, value in zip(fields, row, strict=True):
        column: Any = field.cached_col
        converters = connection.ops.get_db_converters(column)
        for convert in (*converters, *column.get_db_converters(connection)):
            value = convert(value, column, connection)
        values.append(value)
    return tuple(values)
