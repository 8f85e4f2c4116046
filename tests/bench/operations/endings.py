"""The end of one session, of a thousand, and of all that have expired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib import import_module
from io import StringIO
from typing import Any

from django.apps import apps
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from tests.bench.engines import Engine
from tests.bench.operations.base import Operation
from tests.bench.rows import KEY, multiply

__all__ = ["ClearExpired", "RevokeAll", "RevokeOne"]

MANY = 1000
EXPIRED = 50_000
LIVE = 10_000
SESSIONS_EACH = 5


class RevokeOne(Operation):
    name = "revoke-one"
    title = "revoke one"

    def prepare(self) -> Callable[[], Any]:
        user = self.people.next()
        self.key = self.people.sign_in(user)
        if apps.is_installed("allauth.usersessions"):
            return self.people.owned._default_manager.get(user=user).end  # type: ignore[attr-defined,no-any-return]
        if self.engine.is_ours:
            from session_backend.fields import Digest

            # What a list holds is the digest; a device elsewhere never gives its key away.
            return partial(self.people.store().delete, Digest.of(self.key))
        return partial(self.people.store().delete, self.key)

    def verify(self, result: Any) -> None:
        assert not self.people.store().exists(self.key), self.engine.name


class RevokeAll(Operation):
    name = "revoke-1000"
    title = f"revoke {MANY:,} of one user"
    calls = 1
    rounds = 5

    @classmethod
    def suits(cls, engine: Engine) -> bool:
        return engine.has_rows

    def set_up(self) -> None:
        self.user = self.people.next()

    def prepare(self) -> Callable[[], Any]:
        self.people.everybody_leaves()
        key = self.people.sign_in(self.user)
        if apps.is_installed("allauth.usersessions"):
            return self._prepare_allauth(key)
        row = self.people.rows._default_manager.get()
        multiply(row, MANY - 1, session_key=KEY)
        if self.engine.owned:
            owned = getattr(self.user, self.engine.relation).all()
            return owned.end if self.engine.is_ours else owned.delete  # type: ignore[no-any-return]
        # Django's engines do not know whose a session is: the floor, for a site that would.
        return partial(
            self._delete, list(self.people.rows._default_manager.values_list("pk", flat=True))
        )

    def _delete(self, keys: list[str]) -> None:
        self.people.rows._default_manager.filter(pk__in=keys).delete()
        prefix = getattr(self.people.store, "cache_key_prefix", None)
        if prefix:
            cache.delete_many([prefix + key for key in keys])

    def _prepare_allauth(self, key: str) -> Callable[[], Any]:
        owned = self.people.owned._default_manager
        multiply(owned.get(), MANY - 1, session_key=KEY)
        with connection.cursor() as cursor:
            sessions = connection.ops.quote_name(self.people.rows._meta.db_table)
            tracked = connection.ops.quote_name(self.people.owned._meta.db_table)
            cursor.execute(
                f"INSERT INTO {sessions} (session_key, session_data, expire_date)"
                " SELECT copy.session_key, one.session_data, one.expire_date"
                f" FROM {tracked} AS copy, {sessions} AS one"
                " WHERE copy.session_key <> %s AND one.session_key = %s",
                [key, key],
            )
        adapter = import_module("allauth.usersessions.adapter").get_adapter()
        return partial(adapter.end_sessions, owned.filter(user=self.user))

    def verify(self, result: Any) -> None:
        left = self.people.rows._default_manager.count()
        assert left == 0, (self.engine.name, left)


class ClearExpired(Operation):
    name = "clear"
    title = f"clear {EXPIRED:,} expired of {EXPIRED + LIVE:,}"
    calls = 1
    rounds = 3

    @classmethod
    def suits(cls, engine: Engine) -> bool:
        return engine.has_rows

    def prepare(self) -> Callable[[], Any]:
        self.people.everybody_leaves()
        self.people.sign_in(self.people.first)
        rows = self.people.rows._default_manager
        row = rows.get()
        owner = {}
        if self.engine.owned == self.engine.rows:
            owner = {"user_id": f"{self.people.first.pk} + i / {SESSIONS_EACH} %% 2000"}
        multiply(row, LIVE - 1, session_key=KEY, **owner)
        expires = {"expire_date": f"'{timezone.now() - timedelta(days=1):%Y-%m-%d %H:%M:%S}'"}
        if connection.vendor == "postgresql":
            expires["expire_date"] += "::timestamptz"
        multiply(row, EXPIRED, session_key=KEY, **owner, **expires)
        self.people.settle()
        return partial(call_command, "clearsessions", stdout=StringIO())

    def verify(self, result: Any) -> None:
        left = self.people.rows._default_manager.count()
        assert left == LIVE, (self.engine.name, left)
