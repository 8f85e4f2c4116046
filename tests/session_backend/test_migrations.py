from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from session_backend.models import Session

MIGRATION = import_module("session_backend.migrations.0001_initial")


@pytest.mark.django_db
def test_no_missing_migrations() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.parametrize(("vendor", "statements"), [("postgresql", 1), ("sqlite", 0)])
def test_fillfactor_set_on_postgresql_only(vendor: str, statements: int) -> None:
    executed: list[str] = []
    editor: Any = SimpleNamespace(
        connection=SimpleNamespace(vendor=vendor),
        quote_name=lambda name: f'"{name}"',
        execute=executed.append,
    )
    MIGRATION.leave_room_for_touches(apps, editor)
    assert len(executed) == statements
    assert all("fillfactor" in sql for sql in executed)


@pytest.mark.django_db
def test_fillfactor() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("Only PostgreSQL has a fillfactor.")
    with connection.cursor() as cursor:
        table = Session._meta.db_table
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = %s", [table])
        assert cursor.fetchone() == (["fillfactor=80"],)


def test_frequently_updated_columns_not_indexed() -> None:
    indexed = {
        field.name for field in Session._meta.local_fields if getattr(field, "db_index", False)
    }
    assert indexed == {"expire_date", "user"}
    assert Session._meta.pk.name == "session_key"
    assert not Session._meta.indexes
