"""A pytest plugin (``-p``): PostgreSQL's tables are emptied by DELETE.

After each test that commits, Django truncates all tables. PostgreSQL makes the files of a truncated
table anew and waits for the disk: half of the time of all tests, for tables of a few rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import pytest
from django.db import connection

__all__ = ["quick_flush"]


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    def deletes(style: Any, tables: Sequence[str], **options: Any) -> list[str]:
        return [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]

    if connection.vendor != "postgresql":
        yield
        return
    # Keys that refer to what is gone are looked at when the transaction around these ends.
    with mock.patch.object(connection.ops, "sql_flush", deletes):
        yield
