"""How PostgreSQL finds the rows: its plans, and the indexes they use."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import connection

__all__ = ["Plan", "plans_of"]

INDEX = re.compile(r"(?:Index|Index Only|Bitmap Index) Scan(?: Backward)? (?:using|on) (\w+)")
COLUMN_LIST = re.compile(r"^SELECT .*? FROM ", re.DOTALL)
PLACEHOLDERS = re.compile(r"(?:%s, ){2,}%s")
LONG_ARRAY = re.compile(r"'\{[^}]{60,}\}'")


class Plan(NamedTuple):
    """One statement and what PostgreSQL did about it."""

    statement: str
    plan: str

    @property
    def indexes(self) -> set[str]:
        return set(INDEX.findall(self.plan))


def plans_of(call: Callable[[], Any], table: str) -> list[Plan]:
    """Make a call and explain its statements on a table, each just before it is made."""
    plans: dict[str, Plan] = {}

    def explain(execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        # Batches after the first have the same text and other values.
        kind = PLACEHOLDERS.sub("", sql)
        if table in sql and kind not in plans:
            plans[kind] = explained(sql, params)
        return execute(sql, params, *rest)

    with connection.execute_wrapper(explain):
        call()
    return list(plans.values())


def explained(sql: str, params: Any) -> Plan:
    raw = connection.connection
    with raw.transaction(force_rollback=True), raw.cursor() as cursor:
        if sql.startswith("INSERT"):
            lines = ["an entry in each index"]
        else:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {sql}", params)
            lines = [LONG_ARRAY.sub("'{...}'", row[0]) for row in cursor.fetchall()]
    return Plan(shortened(sql), "\n".join(line[:160] for line in without_planning(lines)))


def without_planning(lines: list[str]) -> list[str]:
    """Leave out how long PostgreSQL thought, and the buffers it read meanwhile."""
    kept, thinks = [], False
    for line in lines:
        thinks = line.startswith("Planning") or (thinks and line.startswith(" "))
        if not thinks:
            kept.append(line)
    return kept


def shortened(sql: str) -> str:
    text = COLUMN_LIST.sub("SELECT ... FROM ", sql) if sql.startswith("SELECT") else sql
    text = re.sub(r'"(\w+)"', r"\1", text).replace("session_backend_session.", "")
    text = PLACEHOLDERS.sub("%s, ...", text)
    return text if len(text) < 420 else text[:417] + "..."
