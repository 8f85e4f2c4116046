"""The tables in which other packages keep sessions, read without those packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.apps.registry import Apps
from django.core.management.base import CommandError
from django.db import connections, models

__all__ = ["ALLAUTH_TABLE", "SOURCES", "Source", "key_batches", "rows_of"]

_DJANGO_SALT = "django.contrib.sessions.SessionStore"


class Source(NamedTuple):
    """What has to be known of a session app: its table, and how it writes.

    ``cache_prefix`` is what its ``cached_db`` engine puts before a session key.
    """

    table: str
    salt: str
    cache_prefix: str | None


SOURCES = {
    "sessions": Source("django_session", _DJANGO_SALT, "django.contrib.sessions.cached_db"),
    "user_sessions": Source("user_sessions_session", _DJANGO_SALT, None),
    "qsessions": Source("qsessions_session", _DJANGO_SALT, "qsessions.q_cached_db"),
    "django_user_sessions_ng": Source(
        "django_user_sessions_ng_user_sessions",
        "django_user_sessions_ng.SessionStore",
        "django_user_sessions_ng.cached_db",
    ),
}
ALLAUTH_TABLE = "usersessions_usersession"

# The columns that any of these tables may have, and that say something about a session.
_FIELDS: dict[str, type[models.Field[Any, Any]]] = {
    "session_data": models.TextField,
    "expire_date": models.DateTimeField,
    "ip": models.GenericIPAddressField,
    "user_agent": models.TextField,
    "device": models.TextField,
    "created_at": models.DateTimeField,
    "updated_at": models.DateTimeField,
    "last_activity": models.DateTimeField,
    "last_seen_at": models.DateTimeField,
}


def rows_of(table: str, using: str) -> models.QuerySet[Any]:
    """Return the rows of a table, with those of its columns that are known here.

    Raises CommandError where the database has no such table.
    """
    connection = connections[using]
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            raise CommandError(
                f"The database {using!r} has no table {table}. If the sessions are in another "
                "one, name it with --database."
            )
        description = connection.introspection.get_table_description(cursor, table)
    names = {column.name for column in description}
    fields = {name: field(null=True) for name, field in _FIELDS.items() if name in names}
    # A registry of its own: the models of the site, the source's among them, stay as they are.
    meta = type("Meta", (), {"app_label": "source", "apps": Apps(), "db_table": table})
    members = {
        "__module__": __name__,
        "Meta": meta,
        "session_key": models.CharField(max_length=40, primary_key=True),
        **fields,
    }
    model: type[models.Model] = type("Row", (models.Model,), members)
    return model._base_manager.using(using)


def key_batches(rows: models.QuerySet[Any], size: int) -> Iterator[list[str]]:
    """Read the keys of these rows, so many at a time, also while rows come and go."""
    keys = rows.order_by("pk").values_list("pk", flat=True)
    batch = list(keys[:size])
    while batch:
        yield batch
        batch = list(keys.filter(pk__gt=batch[-1])[:size])
