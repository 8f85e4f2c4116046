"""What the rows and their indexes take, and whether stamps touch the indexes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.bench.scale.load import execute, fetch

__all__ = ["CHANGES", "Stamps", "sizes", "stamps"]

STAMP = """
DO $$
DECLARE
    keys varchar[] := ARRAY(
        SELECT session_key FROM {table} WHERE mod(hashtext(session_key), {share}) = 0
    );
    chosen varchar;
BEGIN
    FOR number IN 1..{number} LOOP
        chosen := keys[1 + floor(random() * array_length(keys, 1))];
        UPDATE {table} SET last_activity = clock_timestamp() WHERE session_key = chosen;
        IF number % 20 = 0 THEN COMMIT; END IF;
    END LOOP;
END $$
"""


class Stamps(NamedTuple):
    """What so many stamps did."""

    number: int
    hot: int
    """Of them, those that no index noticed."""


def sizes(table: str) -> dict[str, int]:
    """Return the bytes of the table, with its long values, and of each index."""
    rows = fetch(
        "SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes"
        f" WHERE relname = '{table}' ORDER BY 2 DESC, 1"
    )
    taken = fetch(f"SELECT pg_table_size('{table}')")[0][0]
    return {table: taken, **dict(rows)}


def without_room(table: str) -> None:
    """Pack the rows as tight as PostgreSQL does unless told otherwise."""
    execute(f"ALTER TABLE {table} SET (fillfactor = 100)")
    execute(f"VACUUM FULL {table}")


def with_index(table: str) -> None:
    """Index what a stamp writes, and leave room again."""
    execute(f"ALTER TABLE {table} SET (fillfactor = 80)")
    execute(f"CREATE INDEX ON {table} (last_activity)")
    execute(f"VACUUM FULL {table}")


AS_IT_IS = "as it is, fillfactor 80"
CHANGES: dict[str, Callable[[str], None]] = {
    AS_IT_IS: lambda table: None,
    "fillfactor 100": without_room,
    "fillfactor 80, and an index on last_activity": with_index,
}


def stamps(table: str, number: int, change: str = AS_IT_IS, share: int = 20) -> Stamps:
    """Stamp sessions as a site does, one of ``share`` again and again, and count."""
    CHANGES[change](table)
    execute("CHECKPOINT")
    execute("SELECT pg_stat_reset()")
    execute(STAMP.format(table=table, number=number, share=share))
    execute("SELECT pg_stat_force_next_flush()")
    updated, hot = fetch(
        f"SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = '{table}'"
    )[0]
    return Stamps(updated, hot)
