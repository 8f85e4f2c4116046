"""A site in another process: `process.py STATEMENT COMMAND ...` is killed at a statement.

With statement 0 it is not killed, and prints how many statements it ran. The command `prepare`
creates the tables and fills them.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from typing import Any

import django
from django.core.management import call_command
from django.db import connection
from django.db.models import F

SESSIONS = 60
EXPIRED = 40


class Count:
    """Counts the statements that write, and can kill the process at one of them."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.made = 0

    def __call__(self, execute: Any, sql: str, *arguments: Any) -> Any:
        if not sql.startswith("SELECT"):
            self.made += 1
            if self.made == self.last:
                os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, *arguments)


def prepare() -> None:
    from django.contrib.auth.models import User

    from session_backend.backends.db import SessionStore
    from session_backend.models import Session
    from tests.session_backend.peers import PEERS, keep, signed_in

    call_command("migrate", run_syncdb=True, verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(PEERS["sessions"])
    alice = User.objects.create_user("alice")
    for number in range(SESSIONS):
        keep("sessions", signed_in(alice, n=number), session_key=f"{number:032}")
    for _ in range(EXPIRED):
        store = SessionStore(user_agent="curl/8.0", ip="192.0.2.1")
        store.update(signed_in(alice))
        store.create()
    Session.objects.update(expire_date=F("created_at") - timedelta(days=1), browser="")


def main(statement: str, command: str, *arguments: str) -> None:
    django.setup()
    if command == "prepare":
        prepare()
        return
    count = Count(int(statement))
    with connection.execute_wrapper(count):
        call_command(command, *arguments)
    print(count.made)


if __name__ == "__main__":
    main(*sys.argv[1:])
