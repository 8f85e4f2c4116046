"""Figures on PostgreSQL: `python -m tests.switch.figures WHAT NUMBER` in an empty database.

`fill-old` and `fill-expired` put so many sessions there, `migratesessions`, `clearsessions` and
`enrichsessions` run the command and print time, statements and memory. The database is the one
that DATABASE_URL names; REDIS_URL and SESSION_ENGINE count too.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import Counter
from typing import Any

import django
from django.core.management import call_command
from django.db import connection

LIVE = 200_000
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
)


def make_users(number: int) -> list[Any]:
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    users = [User(username=f"user{i}", password="the same") for i in range(number)]
    return User.objects.bulk_create(users, batch_size=5000)


def fill_old(number: int) -> None:
    """Put sessions of Django's own engine there, the table as Django's migration makes it."""
    from django.core.signing import dumps
    from django.utils import timezone

    from tests.session_backend.peers import PEERS, WEEK, new_key, signed_in

    users = make_users(number // 2)
    model = PEERS["qsessions"]
    with connection.schema_editor() as editor:
        editor.create_model(model)
    salt = "django.contrib.sessions.SessionStore"
    for first in range(0, number, 5000):
        model._base_manager.bulk_create(
            model(
                session_key=new_key(),
                session_data=dumps(
                    signed_in(users[i // 2], cart=list(range(20))), salt=salt, compress=True
                ),
                expire_date=timezone.now() + WEEK,
                user_agent=AGENTS[i % len(AGENTS)],
                ip=f"81.2.{i // 250 % 250}.{i % 250}",
                created_at=timezone.now(),
                updated_at=timezone.now(),
            )
            for i in range(first, min(first + 5000, number))
        )


def fill_expired(number: int) -> None:
    """Put so many expired sessions there and some live ones, all over the table."""
    from session_backend.owner import accepted_hashes

    users = make_users(1000)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO session_backend_session (session_key, session_data, expire_date, user_id,
                auth_hash, created_at, updated_at, last_activity, ip, user_agent, device_type,
                device_model, browser, os, country_code, country, city)
            SELECT substr(encode(sha256(i::text::bytea), 'hex'), 1, 40), repeat('x', 250),
                now() + CASE WHEN i %% %s < %s THEN interval '7 days' ELSE interval '-1 day' END,
                %s + i %% 1000, %s, now(), now(), now(), '81.2.69.142', %s, 'desktop', '',
                'Chrome', 'Windows', 'SE', 'Sweden', 'Uppsala'
            FROM generate_series(1, %s) AS i
            """,
            [
                (number + LIVE) // LIVE,
                1,
                users[0].pk,
                *accepted_hashes(users[0]),
                AGENTS[0],
                number + LIVE,
            ],
        )
        cursor.execute("VACUUM ANALYZE")


def measure(*command: str) -> None:
    """Run a command and print what it took."""
    verbs = Counter[str]()
    longest = Counter[str]()

    def count(execute: Any, sql: str, *arguments: Any) -> Any:
        verb = sql.split(maxsplit=1)[0]
        verbs[verb] += 1
        begin = time.perf_counter()
        try:
            return execute(sql, *arguments)
        finally:
            took = round(1000 * (time.perf_counter() - begin))
            longest[verb] = max(longest[verb], took)

    connection.ensure_connection()
    before, begin = peak(), time.perf_counter()
    with connection.execute_wrapper(count):
        call_command(*command)
    seconds = time.perf_counter() - begin
    print(
        f"{' '.join(command)}: {seconds:.1f} s, {sum(verbs.values())} statements {dict(verbs)}, "
        f"the longest {dict(longest)} ms; peak memory {peak():.0f} MB, {before:.0f} before"
    )


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(what: str, *arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    if what == "fill-old":
        fill_old(int(arguments[0]))
    elif what == "fill-expired":
        fill_expired(int(arguments[0]))
    else:
        measure(what, *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
