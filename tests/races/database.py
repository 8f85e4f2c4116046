"""The database of a play: a connection for each actor, every statement and COMMIT a step."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from tests.races.explorer import Killed, performer, step

__all__ = ["Database"]

Rows = dict[str, list[tuple[Any, ...]]]

# Of no consequence to others, whenever they come.
LOCAL = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK TO", "PRAGMA", "SET ")

# What a statement that would have to wait is told: lock_not_available and deadlock_detected on
# PostgreSQL, ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK on MariaDB.
CONFLICTS = {"55P03", "40P01", 1205, 1213}


class Database:
    """The tables that the actors share, their connections, and what is committed.

    A statement that has to wait for another actor's lock must not wait here, where that actor
    does not run on: each connection asks its database for an error at once, the explorer lets
    others go first, and the statement is tried again. For statements on one row by its key that
    comes to the same as waiting: what they do depends on the row as it is when the lock is gone.
    """

    def __init__(self, models: Sequence[type[Model]], directory: Path) -> None:
        self.rows: Rows = {}
        self.on_commit: Callable[[], None] = lambda: None
        self._tables = [model._meta.db_table for model in models]
        self._first_rows: Rows = {}
        self._own = connections["default"]
        self._settings = self._unwaiting(directory)
        self._observer = self._connect()
        self._observer.inc_thread_sharing()
        connections["default"] = self._observer

    def close(self) -> None:
        self._observer.close()
        connections["default"] = self._own

    def begin(self) -> None:
        """Take what is in the tables for what every play begins with."""
        self.observe()
        self._first_rows = self.rows

    def reset(self) -> None:
        """Set the tables back."""
        changed = [t for t in self._tables if self.rows[t] != self._first_rows[t]]
        with self._observer.cursor() as cursor:
            for table in changed:
                cursor.execute(f"DELETE FROM {table}")
            for table in reversed(changed):
                for row in self._first_rows[table]:
                    marks = ", ".join(["%s"] * len(row))
                    cursor.execute(f"INSERT INTO {table} VALUES ({marks})", row)
        self.rows = self._first_rows

    def observe(self) -> None:
        """Read what everybody sees from now on."""
        # Without Django's wrapper, which would ask for this thread's leave and take its time.
        with closing(self._observer.connection.cursor()) as cursor:
            rows = {}
            for table in self._tables:
                cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
                rows[table] = list(cursor.fetchall())
        if rows != self.rows:
            self.rows = rows
            self.on_commit()

    def state(self) -> Hashable:
        return tuple(tuple(rows) for rows in self.rows.values())

    # Backstage.

    def enter(self) -> None:
        """Give this thread a connection whose statements are steps."""
        connection: Any = self._connect()
        connections["default"] = connection
        connection.execute_wrappers.append(self._statement)
        commit, rollback = connection._commit, connection._rollback
        connection._commit = lambda: self._end(commit, rollback)
        connection._rollback = lambda: self._end(rollback, rollback)

    def leave(self) -> None:
        connections["default"].close()

    def is_conflict(self, error: Exception) -> bool:
        if self._own.vendor == "sqlite":
            return "database is locked" in str(error)
        cause = error.__cause__
        return bool({getattr(cause, "sqlstate", None), *getattr(cause, "args", ())} & CONFLICTS)

    def _unwaiting(self, directory: Path) -> dict[str, Any]:
        settings = {**self._own.settings_dict}
        if self._own.vendor == "sqlite":
            # Connections to one database in memory lock each other's whole tables; those to a
            # file in WAL mode see snapshots, and one of them writes.
            settings["NAME"] = str(directory / "races.sqlite3")
            with self._own.cursor() as cursor:
                cursor.execute("VACUUM INTO %s", [settings["NAME"]])
            # Connections that are opened at once have to wait for each other; statements do not.
            opening = ["journal_mode=WAL", "synchronous=OFF", "busy_timeout=0"]
            options = {
                "timeout": 30,
                "init_command": "; ".join(f"PRAGMA {setting}" for setting in opening),
            }
        elif self._own.vendor == "postgresql":
            options = {"options": "-c lock_timeout=2ms -c synchronous_commit=off"}
        else:
            options = {"init_command": "SET innodb_lock_wait_timeout=0"}
        return {**settings, "OPTIONS": {**settings["OPTIONS"], **options}}

    def _connect(self) -> BaseDatabaseWrapper:
        connection = type(self._own)(self._settings, "default")
        connection.ensure_connection()
        return connection

    def _statement(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        player = performer()
        text = sql.lstrip().upper()
        if player is None or text.startswith(LOCAL):
            return execute(sql, params, many, context)
        connection, cursor = context["connection"], context["cursor"]
        seen: Hashable = None

        def attempt() -> Any:
            nonlocal seen
            seen = self.state()
            if not (connection.in_atomic_block and connection.vendor == "postgresql"):
                return execute(sql, params, many, context)
            # An error would end the transaction, which only has to wait.
            connection.connection.execute("SAVEPOINT attempt")
            try:
                return execute(sql, params, many, context)
            except Exception:
                connection.connection.execute("ROLLBACK TO SAVEPOINT attempt")
                raise

        answer = step(attempt)
        if not (connection.in_atomic_block or text.startswith("SELECT")):
            self.observe()
        gives_rows = cursor.description is not None
        if not gives_rows:
            player.answers.append(cursor.rowcount)
        if gives_rows or connection.in_atomic_block:
            # What the rows come from, and the snapshot that a transaction has from here on.
            player.answers.append(seen)
        return answer

    def _end(self, end: Callable[[], None], rollback: Callable[[], None]) -> None:
        try:
            step(end, frees=True)
        except Killed:
            rollback()
            raise
        self.observe()
