"""The tables of other session packages, and sessions in them, without the packages.

Their columns are those of the packages' own migrations; `tests/switch` uses the packages.
"""

from __future__ import annotations

import secrets
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.apps.registry import Apps
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AbstractBaseUser
from django.core import signing
from django.core.signing import JSONSerializer
from django.db import connection, models
from django.utils import timezone

from session_backend.legacy import SOURCES

__all__ = ["ALLAUTH", "PEERS", "WEEK", "created", "keep", "new_key", "signed_in"]

WEEK = timedelta(days=7)


def table(name: str, **fields: models.Field[Any, Any]) -> type[models.Model]:
    meta = type("Meta", (), {"app_label": "peers", "apps": Apps(), "db_table": name})
    return type("Row", (models.Model,), {"__module__": __name__, "Meta": meta, **fields})


def columns(*names: str) -> dict[str, models.Field[Any, Any]]:
    kinds: dict[str, models.Field[Any, Any]] = {
        "session_key": models.CharField(max_length=40, primary_key=True),
        "session_data": models.TextField(),
        "expire_date": models.DateTimeField(db_index=True),
        "user_id": models.IntegerField(null=True),
        "user_agent": models.CharField(max_length=300, null=True),
        "device": models.CharField(max_length=255, null=True),
        "ip": models.GenericIPAddressField(null=True),
        "created_at": models.DateTimeField(null=True),
        "updated_at": models.DateTimeField(null=True),
        "last_activity": models.DateTimeField(null=True),
        "last_seen_at": models.DateTimeField(null=True),
    }
    return {name: kinds[name] for name in names}


SESSION = ("session_key", "session_data", "expire_date")
KEPT = {
    "sessions": SESSION,
    "user_sessions": (*SESSION, "user_id", "user_agent", "last_activity", "ip"),
    "qsessions": (*SESSION, "user_id", "user_agent", "created_at", "updated_at", "ip"),
    "django_user_sessions_ng": (*SESSION, "user_id", "ip", "device", "created_at", "updated_at"),
}
PEERS = {label: table(SOURCES[label].table, **columns(*kept)) for label, kept in KEPT.items()}
ALLAUTH = table(
    "usersessions_usersession",
    **columns("session_key", "user_id", "user_agent", "ip", "created_at", "last_seen_at"),
)


@contextmanager
def created(*tables: type[models.Model]) -> Iterator[None]:
    """Create these tables for a while; SQLite cannot do so inside a transaction."""
    with connection.schema_editor() as editor:
        for model in tables:
            editor.create_model(model)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            for model in tables:
                editor.delete_model(model)


class ReprSerializer:
    """A custom serializer; it and Django's cannot read each other's data."""

    def dumps(self, obj: Any) -> bytes:
        return repr(obj).encode("utf-16")

    def loads(self, data: bytes) -> Any:
        return literal_eval(data.decode("utf-16"))


def new_key() -> str:
    return secrets.token_hex(16)


def signed_in(user: AbstractBaseUser, **data: Any) -> dict[str, Any]:
    """Return the data of a session in which this user is signed in."""
    backend = "django.contrib.auth.backends.ModelBackend"
    return {
        SESSION_KEY: str(user.pk),
        "_auth_user_backend": backend,
        HASH_SESSION_KEY: user.get_session_auth_hash(),
        **data,
    }


def keep(label: str, data: dict[str, Any], serializer: Any = JSONSerializer, **kept: Any) -> Any:
    """Store a session in the table of a package, as the package would, and return its row."""
    row = {
        "session_key": new_key(),
        "session_data": signing.dumps(data, salt=SOURCES[label].salt, serializer=serializer),
        "expire_date": timezone.now() + WEEK,
    }
    return PEERS[label]._base_manager.create(**row | kept)
