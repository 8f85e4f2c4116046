"""Measures our engine on PostgreSQL at several sizes: ``python -m benchmarks.scale --help``."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import strftime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from benchmarks.engines import OURS
from benchmarks.operations import (
    Call,
    DeviceList,
    DueRead,
    Operation,
    Page,
    RevokeOne,
    SignIn,
    SignOut,
    UnchangedPoll,
    Write,
)
from benchmarks.report import Figures, size, table
from benchmarks.rows import KEY, multiply
from benchmarks.run import heading, opened, say, side_by_side
from benchmarks.servers import Production

__all__ = ["OPERATIONS", "sizes"]

SIZES = [10_000, 1_000_000, 10_000_000]
# Rows, indexes, what is written ahead, and what sorts leave on the disk for a moment.
BYTES_A_ROW = 2000
EXPIRED = 5000

# Of a hundred sessions 20 are anonymous and 5 are of users with 500 each. The others come in
# groups of 15, of five users with 1 to 5 sessions.
HEAVY = 500


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def fetch(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def rows_loaded() -> int:
    number: int = settings.BENCHMARK_ROWS  # type: ignore[misc]
    return number


def heavy_users(number: int) -> int:
    return number // 20 // HEAVY


def columns(number: int) -> dict[str, str]:
    """Return an SQL expression for each column that varies, of the row's number ``i``."""
    # A multiplier that shares no factor with the number visits each place once.
    place = f"(i::bigint * 2654435761 %% {number})"
    anonymous, heavy = number // 5, number // 20
    rest = f"({place} - {anonymous + heavy})"
    # The 15 sessions of five users: one has the first, another the next two, and so on.
    one = f"(ARRAY[0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4])[1 + {rest} %% 15]"
    user = (
        f"CASE WHEN {place} < {anonymous} THEN NULL"
        f" WHEN {place} < {anonymous + heavy} THEN 1 + ({place} - {anonymous}) / {HEAVY}"
        f" ELSE 1 + {heavy_users(number)} + {rest} / 15 * 5 + {one} END"
    )

    def one_of(*values: str) -> str:
        return f"(ARRAY{list(values)})[1 + (i * 7 + i / 11) %% {len(values)}]"

    def seconds_ago(most: int) -> str:
        return f"now() - (i * 48271::bigint %% {most}) * interval '1 second'"

    return {
        "session_key": KEY,
        "user_id": user,
        "auth_hash": f"CASE WHEN {place} < {anonymous} THEN '' ELSE one.auth_hash END",
        # One in fifteen has expired.
        "expire_date": seconds_ago(1296000) + " + interval '14 days'",
        "created_at": seconds_ago(1296000),
        "updated_at": seconds_ago(1209600),
        "last_activity": seconds_ago(1209599),
        "ip": "'11.0.0.0'::inet + i * 7919::bigint %% 100000000",
        "device_type": one_of("desktop", "mobile", "desktop", "tablet"),
        "os": one_of("Windows", "iOS", "macOS", "Android", "Linux"),
        "browser": one_of("Chrome", "Safari", "Chrome", "Edge", "Chrome", "Firefox"),
        "country": one_of("Sweden", "France", "Japan", "Brazil", "Kenya", "Canada"),
        "city": "'City ' || i %% 500",
    }


def load(row: Any, number: int) -> None:
    """Fill the table with rows in an order that nothing else has."""
    execute("SET synchronous_commit = off")
    execute("SET maintenance_work_mem = '512MB'")
    execute(
        "INSERT INTO auth_user (id, username, email, password, first_name, last_name,"
        " is_superuser, is_staff, is_active, date_joined)"
        " SELECT i, 'person' || i, 'person' || i || '@example.com', '!', '', '', false, false,"
        f" true, now() FROM generate_series(1, {heavy_users(number) + number // 4 + 5}) AS i"
        " ON CONFLICT DO NOTHING"
    )
    with without_indexes(row._meta.db_table):
        multiply(row, number, **columns(number))
    execute("VACUUM (FREEZE, ANALYZE)")
    execute("CHECKPOINT")


@contextmanager
def without_indexes(name: str) -> Iterator[None]:
    """Take the indexes and constraints away, and build them again from all rows at once."""
    constraints = fetch(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        f" WHERE conrelid = '{name}'::regclass"
    )
    for constraint, _ in constraints:
        execute(f'ALTER TABLE {name} DROP CONSTRAINT "{constraint}"')
    indexes = fetch(f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename = '{name}'")
    for index, _ in indexes:
        execute(f'DROP INDEX "{index}"')
    yield
    for constraint, definition in constraints:
        execute(f'ALTER TABLE {name} ADD CONSTRAINT "{constraint}" {definition}')
    for _, definition in indexes:
        execute(definition)


def sizes(name: str) -> dict[str, int]:
    """Return the bytes of the table, with its long values, and of each index."""
    rows = fetch(
        "SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes"
        f" WHERE relname = '{name}' ORDER BY 2 DESC, 1"
    )
    return {name: fetch(f"SELECT pg_table_size('{name}')")[0][0], **dict(rows)}


class Load(Operation):
    """Creates the rows; not measured."""

    title = "load"

    def set_up(self) -> None:
        self.site.sign_in(self.site.first)
        load(self.site.rows.get(), rows_loaded())

    def prepare(self) -> Call:
        return lambda: None


class ShortList(DeviceList):
    title = "list of a person with 5 sessions"
    devices = 5

    def set_up(self) -> None:
        number = rows_loaded()
        pk = 1 if self.devices == HEAVY else heavy_users(number) + 50
        self.user = self.site.users.get(pk=pk)
        self.key = self.site.sign_in(self.user)

    def verify(self, result: Any) -> None:
        Page.verify(self, result)


class LongList(ShortList):
    title = f"first page of one with {HEAVY}"
    devices = HEAVY


class ShortPoll(UnchangedPoll, ShortList):
    title = "unchanged poll, 5 sessions"


class LongPoll(UnchangedPoll, LongList):
    title = f"unchanged poll, {HEAVY} sessions"


class RevokeMany(Operation):
    title = f"revoke all {HEAVY} of one person"
    calls = 1
    rounds = 15

    def prepare(self) -> Call:
        user = self.site.next_user()
        self.site.rows.filter(user=user).delete()
        self.site.sign_in(user)
        multiply(self.site.rows.get(user=user), HEAVY - 1, session_key=KEY)
        revoke: Call = self.site.rows.for_user(user).revoke
        return revoke

    def verify(self, result: Any) -> None:
        assert result == HEAVY, result


class Clear(Operation):
    title = f"clear {EXPIRED:,} expired"
    calls = 1
    rounds = 7

    def set_up(self) -> None:
        user = self.site.next_user()
        self.site.sign_in(user)
        self.row = self.site.rows.filter(user=user).latest("created_at")

    def prepare(self) -> Call:
        # Longer ago than anything else, so that it is the same number at every size.
        long_ago = f"'{timezone.now() - timedelta(days=100):%Y-%m-%d}'::timestamptz"
        multiply(self.row, EXPIRED, session_key=KEY, expire_date=long_ago)
        execute(f"ANALYZE {self.row._meta.db_table}")
        before = timezone.now() - timedelta(days=99)
        return partial(self.site.rows.filter(expire_date__lt=before).clear)

    def verify(self, result: Any) -> None:
        assert result == EXPIRED, result


class AdminPage(Page):
    calls = 1
    rounds = 5
    query = ""

    def set_up(self) -> None:
        super().set_up()
        self.site.users.filter(pk=self.user.pk).update(is_staff=True, is_superuser=True)
        self.path = f"/admin/session_backend/session/{self.query}"

    def verify(self, result: Any) -> None:
        super().verify(result)
        assert b"change-list" in result.body


ADMIN_PAGES = {
    "first page": "",
    "page 100": "?p=100",
    "filter: active": "?state=active",
    "filter: of anonymous visitors": "?owner=anonymous",
    "filter: a type of device, a fourth": "?device_type__exact=tablet",
    "search: part of a name, 11 people": "?q=person777",
    "search: a word that all names have": "?q=person",
    "search: an address": "?q=11.0.30.239",
    "search: nobody": "?q=nobody",
    "by last activity": "?o=-4",
    "by user": "?o=1",
}


def kept(operation: type[Operation], **attributes: Any) -> type[Operation]:
    """Return an operation that leaves the rows that are there."""
    return type(operation.__name__, (operation,), {"starts_empty": False, **attributes})


GROUPS: dict[str, list[type[Operation]]] = {
    "what a visitor does": [
        *(kept(operation) for operation in (DueRead, Write, SignIn, SignOut)),
        *(kept(operation) for operation in (ShortList, LongList, ShortPoll, LongPoll, RevokeOne)),
    ],
    "commands": [kept(RevokeMany), kept(Clear)],
    "the admin's list": [
        kept(AdminPage, title=title, query=query) for title, query in ADMIN_PAGES.items()
    ],
}
OPERATIONS: dict[str, type[Operation]] = {
    "load": Load,
    **{f"scale: {one.title}": one for group in GROUPS.values() for one in group},
}


def group_table(group: str, figures: dict[str, dict[str, Figures]], rows: Sequence[int]) -> str:
    """Return the times at each size, and how many times the smallest's is the largest's."""
    lines = []
    for title, by_size in figures.items():
        times = [by_size[str(number)].wall / 1000 for number in rows]
        growth = f"{times[-1] / times[0]:.2f}"
        lines.append([title, *(f"{time:,.1f}" for time in times), growth])
    return table([group, *(f"{number:,}" for number in rows), "times"], lines)


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=SIZES, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the tables go")
    options = parser.parse_args()
    engines = [
        replace(OURS, name=str(rows), settings={"BENCHMARK_ROWS": rows}) for rows in options.rows
    ]
    with TemporaryDirectory() as folder:
        free = shutil.disk_usage(folder).free
        if free < BYTES_A_ROW * sum(options.rows):
            raise SystemExit(f"{free / 2**30:.0f} GB of disk are not enough.")
        stack = Production(Path(folder))
        parts = [heading([], stack.versions())]
        with opened(stack, engines) as workers:
            for worker in workers[False]:
                say(f"{strftime('%X')} loading {int(worker.name):,} rows")
                worker.call("set_up", "load")
            stored = workers[False][-1].call("sizes")
            for group, operations in GROUPS.items():
                figures = {}
                for one in operations:
                    say(f"{strftime('%X')} {one.title}")
                    name = f"scale: {one.title}"
                    figures[one.title] = side_by_side(workers[False], name, one, options.rounds)
                parts.append(group_table(group, figures, options.rows))
    taken = [f"`{name}` {size(number)}" for name, number in stored.items()]
    parts.append(f"At {options.rows[-1]:,} rows: {', '.join(taken)}.")
    text = "\n\n".join(parts) + "\n"
    options.write.write_text(text) if options.write else print(text)


if __name__ == "__main__":
    main()
