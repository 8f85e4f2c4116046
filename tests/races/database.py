"""The database of a run: a connection for each actor, whose statements and COMMITs are steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from tests.races.explorer import Killed, actor, step

__all__ = ["Database"]

# Statements that do not affect other actors.
LOCAL = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK TO", "PRAGMA", "SET ")
# lock_not_available and deadlock_detected on PostgreSQL, ER_LOCK_WAIT_TIMEOUT and
# ER_LOCK_DEADLOCK on MariaDB.
LOCKED = {"55P03", "40P01", 1205, 1213}
# A statement must not wait for the lock of an actor that is paused, so every connection asks for
# an error instead, and the statement is tried again after that actor went on. For a statement on
# one row by its key this is the same as waiting: it sees the row as it is then.
OPTIONS: dict[str, dict[str, Any]] = {
    # In WAL mode connections see snapshots. To open one may wait, a statement may not.
    "sqlite": {
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA busy_timeout=0",
    },
    "postgresql": {"options": "-c lock_timeout=2ms -c synchronous_commit=off"},
    "mysql": {"init_command": "SET innodb_lock_wait_timeout=0"},
}


class Database:
    """The tables that the actors share, and what is committed in them.

    A table is listed after those that refer to it.
    """

    def __init__(self, models: Sequence[type[Model]], directory: Path) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.on_change: Callable[[], None] = lambda: None
        self._tables = {
            model._meta.db_table: [str(field.column) for field in model._meta.concrete_fields]
            for model in models
        }
        self._first_rows = self.rows
        self._original = connections["default"]
        self._settings = {**self._original.settings_dict}
        self._settings["OPTIONS"] = self._settings["OPTIONS"] | OPTIONS[self._original.vendor]
        if self._original.vendor == "sqlite":
            # Connections to one database in memory lock whole tables.
            self._settings["NAME"] = str(directory / "races.sqlite3")
            with self._original.cursor() as cursor:
                cursor.execute("VACUUM INTO %s", [self._settings["NAME"]])
        self._observer = self._new_connection()
        self._observer.inc_thread_sharing()
        connections["default"] = self._observer

    def close(self) -> None:
        self._observer.close()
        connections["default"] = self._original

    def keep(self) -> None:
        """Make the current content of the tables the start of every run."""
        self.observe()
        self._first_rows = self.rows

    def reset(self) -> None:
        changed = list(self._tables)
        while changed and self.rows[changed[-1]] == self._first_rows[changed[-1]]:
            changed.pop()
        with self._observer.cursor() as cursor:
            for table in changed:
                cursor.execute(f"DELETE FROM {table}")
            for table in reversed(changed):
                columns = ", ".join(self._tables[table])
                for row in self._first_rows[table]:
                    marks = ", ".join(["%s"] * len(row))
                    cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row)
        self.rows = self._first_rows

    def observe(self) -> None:
        """Read what is committed."""
        # Without Django's cursor, which belongs to the thread that opened it.
        with closing(self._observer.connection.cursor()) as cursor:
            rows = {}
            for table, columns in self._tables.items():
                cursor.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1")
                rows[table] = list(cursor.fetchall())
        if rows != self.rows:
            self.rows = rows
            self.on_change()

    def values(self, model: type[Model], *names: str) -> Iterator[tuple[Any, ...]]:
        """Yield these columns of the rows that are committed, as the database has them."""
        table = model._meta.db_table
        indexes = [self._tables[table].index(name) for name in names]
        return (tuple(row[index] for index in indexes) for row in self.rows[table])

    def state(self) -> Hashable:
        return tuple(tuple(rows) for rows in self.rows.values())

    def is_waiting(self, error: BaseException) -> bool:
        if self._original.vendor == "sqlite":
            return "database is locked" in str(error)
        cause = error.__cause__
        return bool({getattr(cause, "sqlstate", None), *getattr(cause, "args", ())} & LOCKED)

    def connect(self) -> None:
        """Give this thread a connection whose statements are steps."""
        connection: Any = self._new_connection()
        connections["default"] = connection
        connection.execute_wrappers.append(self._execute)
        commit, rollback = connection._commit, connection._rollback

        def end(action: Callable[[], None], what: str) -> None:
            try:
                step(action, what, releases=True)
            except Killed:
                rollback()
                # As Django would, if this were an error of the database.
                connection.run_on_commit = []
                raise
            self.observe()

        connection._commit = lambda: end(commit, "COMMIT")
        connection._rollback = lambda: end(rollback, "ROLLBACK")

    def disconnect(self) -> None:
        connections["default"].close()

    def _new_connection(self) -> BaseDatabaseWrapper:
        connection = type(self._original)(self._settings, "default")
        connection.ensure_connection()
        return connection

    def _execute(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        worker, verb = actor(), sql.lstrip().upper()
        if worker is None or verb.startswith(LOCAL):
            return execute(sql, params, many, context)
        connection, cursor = context["connection"], context["cursor"]
        committed: Hashable = None

        def attempt() -> Any:
            nonlocal committed
            committed = self.state()
            if not (connection.in_atomic_block and connection.vendor == "postgresql"):
                return execute(sql, params, many, context)
            # On PostgreSQL an error ends the transaction, which here only has to wait.
            connection.connection.execute("SAVEPOINT attempt")
            try:
                return execute(sql, params, many, context)
            except Exception:
                connection.connection.execute("ROLLBACK TO SAVEPOINT attempt")
                raise

        table = re.search(r"(?:FROM|INTO|UPDATE) [\"`]?(\w+)", sql)
        result = step(attempt, f"{verb.split()[0]} {table[1] if table else ''}")
        if not (connection.in_atomic_block or verb.startswith("SELECT")):
            self.observe()
        has_rows = cursor.description is not None
        # Rows depend on what is committed, and so does the snapshot of a transaction.
        worker.answers.append(None if has_rows else cursor.rowcount)
        worker.answers.append(committed if has_rows or connection.in_atomic_block else None)
        return result
