"""Records the SQL statements and cache commands of an operation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from session_backend.models import Session
from tests.session_backend.caches import RecordingCache

__all__ = ["cache_commands", "statements"]

TRANSACTIONS = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}


@contextmanager
def statements(model: type[models.Model] = Session) -> Iterator[list[str]]:
    """Collect the verbs of statements on this table and of transaction statements."""
    table = connection.ops.quote_name(model._meta.db_table)
    verbs: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield verbs
    for query in captured:
        verb = query["sql"].split(maxsplit=1)[0].strip("(;").upper()
        if verb in TRANSACTIONS or table in query["sql"]:
            verbs.append(verb)


@contextmanager
def cache_commands() -> Iterator[list[str]]:
    """Collect the commands sent to a RecordingCache."""
    commands: list[str] = []
    before = len(RecordingCache.calls)
    yield commands
    commands += [call.command for call in RecordingCache.calls[before:]]
