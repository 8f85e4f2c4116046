"""A table as a busy site has it: any number of sessions, made by PostgreSQL itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection

__all__ = ["HEAVY", "load", "owner", "person_with", "users_for"]

# Of a hundred sessions, so many are of anonymous visitors, and of people with 500 each.
ANONYMOUS, BUSY = 20, 5
HEAVY = 500
# All others come in fives: with 1, 2, 3, 4 and 5 sessions.
FIVE, FIVES_SESSIONS = 5, 15
# Rows of which there are ten, whatever the size: a rare browser, and a rare country.
RARE = 10

COLUMNS = {
    "session_key": "substr(md5(i || 'key') || md5(i::text), 1, 40)",
    "session_data": "one.session_data",
    "expire_date": "now() - interval '1 day' + (i * 48271 % 1296000) * interval '1 second'",
    "auth_hash": "CASE WHEN owner IS NULL THEN '' ELSE one.auth_hash END",
    "created_at": "now() - interval '15 days' + (i * 48271 % 1296000) * interval '1 second'",
    "updated_at": "now() - (i * 16807 % 1209600) * interval '1 second'",
    "last_activity": "now() - (i * 69621 % 1209600) * interval '1 second'",
    "ip": "'11.0.0.0'::inet + i * 7919 % 100000000",
    "user_agent": "one.user_agent",
    "device_type": "(ARRAY['desktop', 'mobile', 'desktop', 'tablet'])[1 + n % 4]",
    "device_model": "CASE n % 4 WHEN 1 THEN 'iPhone' ELSE '' END",
    "browser": "CASE WHEN rare THEN 'Konqueror' ELSE"
    " (ARRAY['Chrome', 'Safari', 'Chrome', 'Edge', 'Chrome', 'Firefox'])[1 + n % 6] END",
    "os": "(ARRAY['Windows', 'iOS', 'macOS', 'Android', 'Linux'])[1 + n % 5]",
    "country_code": "'SE'",
    "country": "CASE WHEN rare THEN 'Nauru' ELSE"
    " (ARRAY['Sweden', 'France', 'Japan', 'Brazil', 'Kenya', 'Canada'])[1 + n % 6] END",
    "city": "'City ' || n % 500",
    "user_id": "owner",
}


def owner(place: str, number: int) -> str:
    """Return the SQL that says whose the session at a place from 0 to ``number`` is."""
    anonymous, busy = number * ANONYMOUS // 100, number * BUSY // 100
    heavy = busy // HEAVY
    rest = f"({place} - {anonymous + busy})"
    # The 15 sessions of five people: one has the first, another the next two, and so on.
    one = f"(ARRAY[0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4])[1 + {rest} % {FIVES_SESSIONS}]"
    return (
        f"CASE WHEN {place} < {anonymous} THEN NULL"
        f" WHEN {place} < {anonymous + busy} THEN 1 + ({place} - {anonymous}) / {HEAVY}"
        f" ELSE 1 + {heavy} + {rest} / {FIVES_SESSIONS} * {FIVE} + {one} END"
    )


def users_for(number: int) -> int:
    """Return how many people these sessions are of."""
    heavy = number * BUSY // 100 // HEAVY
    rest = number - number * (ANONYMOUS + BUSY) // 100
    return heavy + (rest // FIVES_SESSIONS + 1) * FIVE


def person_with(sessions: int, number: int) -> int:
    """Return the key of somebody who has five of these sessions, or ``HEAVY``."""
    return 1 if sessions == HEAVY else number * BUSY // 100 // HEAVY + 10 * FIVE


def load(table: str, number: int, pattern: str) -> None:
    """Fill the table with copies of a row, in an order that nothing else has."""
    execute("SET synchronous_commit = off")
    execute("SET maintenance_work_mem = '512MB'")
    users = get_user_model()._meta.db_table
    execute(
        f"INSERT INTO {users} (id, username, email, password, first_name, last_name,"
        " is_superuser, is_staff, is_active, date_joined)"
        " SELECT i, 'person' || i, 'person' || i || '@example.com', '!', '', '',"
        f" false, false, true, now() FROM generate_series(1, {users_for(number)}) AS i"
        f" ON CONFLICT DO NOTHING"
    )
    # A multiplier that shares no factor with the number visits each place once.
    place = f"(i * 2654435761 % {number})"
    with without_indexes(table):
        execute(
            f"INSERT INTO {table} ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS.values())}"
            f" FROM (SELECT * FROM {table} WHERE session_key = '{pattern}') AS one,"
            f" (SELECT i, {owner(place, number)} AS owner, (i * 7 + i / 11) % 1000003 AS n,"
            f" i % {number // RARE} = 3 AS rare"
            f" FROM generate_series(1, {number}::bigint) AS i) AS series"
        )
    execute("VACUUM (FREEZE, ANALYZE)")
    execute("CHECKPOINT")


@contextmanager
def without_indexes(table: str) -> Iterator[None]:
    """Take the indexes and constraints away, and build them again from all rows at once."""
    constraints = fetch(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        f" WHERE conrelid = '{table}'::regclass"
    )
    for name, _ in constraints:
        execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    indexes = fetch(f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename = '{table}'")
    for name, _ in indexes:
        execute(f'DROP INDEX "{name}"')
    yield
    for name, definition in constraints:
        execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
    for _, definition in indexes:
        execute(definition)


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def fetch(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
