"""The engines that are explored: ours, Django's, ours in SQL, and ours with one rule broken."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends import cached_db as django_cached_db
from django.contrib.sessions.backends import db as django_db
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.db import connections
from django.db.models.sql import UpdateQuery

from session_backend.activity import Activity
from session_backend.backends import cached_db, db
from session_backend.backends.cached_db import packed
from session_backend.backends.copies import Copies
from session_backend.backends.db import Opened
from session_backend.client import Client
from session_backend.fields import Digest
from session_backend.models import AbstractSession
from tests.races.models import PlainSession

__all__ = ["OURS", "DjangoCachedDB", "DjangoDB"]

OURS = {"db": db.SessionStore, "cached_db": cached_db.SessionStore}


class DjangoDB(django_db.SessionStore):
    @classmethod
    def get_model_class(cls) -> Any:
        return PlainSession


class DjangoCachedDB(django_cached_db.SessionStore):
    @classmethod
    def get_model_class(cls) -> Any:
        return PlainSession


class WithoutMarkers(cached_db.SessionStore):
    @classmethod
    @contextmanager
    def revoking(cls, keys: Collection[Digest]) -> Iterator[None]:
        yield
        Copies().drop(keys)


class DeletesThenMarks(cached_db.SessionStore):
    @classmethod
    @contextmanager
    def revoking(cls, keys: Collection[Digest]) -> Iterator[None]:
        yield
        Copies().mark(keys)
        Copies().drop(keys)


class FillsBySet(cached_db.SessionStore):
    def _fill(self, opened: Opened, now: datetime) -> None:
        self._copies.write(self._digest, packed(opened), 60)


class StampRewritesCopy(cached_db.SessionStore):
    def stamp(self) -> None:
        super().stamp()
        self._copies.write(self._digest, packed(self._opened), 60)

    def _remember(self, opened: Opened) -> None:
        super()._remember(opened)
        self._opened = opened


class KeepsForTwoIntervals(cached_db.SessionStore):
    def _fill(self, opened: Opened, now: datetime) -> None:
        self._copies.fill(self._digest, packed(opened), 120)

    def _keep(self, opened: Opened, now: datetime) -> None:
        self._copies.write(self._digest, packed(opened), 120)


class KeepsWhatIsDisputed(cached_db.SessionStore):
    def _update(self, row: AbstractSession, opened: Opened) -> None:
        db.SessionStore._update(self, row, opened)
        self._keep(opened, opened.expire_date)
        self._copies.write(self._digest, packed(opened), 60)


class KeepsWhileOthersMay(cached_db.SessionStore):
    """Believes that the last writer of the row has put its copy into the cache."""

    def _is_settling(self, opened: Opened, now: datetime) -> bool:
        return False


class KeepsInTransactions(cached_db.SessionStore):
    _is_in_transaction = False


class InsertsWhatIsGone(cached_db.SessionStore):
    """As a store that saves its model without ``force_update``."""

    def _update(self, row: AbstractSession, opened: Opened) -> None:
        if not self._row.update(**columns_of(row)):
            self._insert(row, opened)


class CyclesByCopying(cached_db.SessionStore):
    cycle_key = SessionBase.cycle_key


class RowsInSQL(db.SessionStore):
    """Reads and writes its row by statements of its own, in a hand that is not Django's."""

    def _open(self, now: datetime) -> Opened | None:
        names = ["session_data", "last_activity", "ip", "user_agent", "updated_at", "expire_date"]
        query = self._row.filter(expire_date__gt=now).only(*names)[:1].query
        sql, params = query.sql_with_params()
        row = next(iter(self.model.objects.raw(in_lower_case(sql), params)), None)
        if row is None:
            return None
        activity = Activity(row.last_activity, Client(row.ip, row.user_agent))
        return Opened(self.decode(row.session_data), activity, row.updated_at, row.expire_date)

    def _update(self, row: AbstractSession, opened: Opened) -> None:
        query: Any = self._row.query.chain(UpdateQuery)
        query.add_update_values(columns_of(row))
        sql, params = query.get_compiler(self._rows.db).as_sql()
        with connections[self._rows.db].cursor() as cursor:
            cursor.execute(in_lower_case(sql), params)
            if not cursor.rowcount:
                raise UpdateError


class CachedRowsInSQL(cached_db.SessionStore, RowsInSQL):
    """Ours, over such rows."""

    # Django signs with the name of the class: what both write is the same only with one name.
    key_salt = cached_db.SessionStore().key_salt


def columns_of(row: AbstractSession) -> dict[str, Any]:
    """Return the columns that a save writes."""
    names = (field.attname for field in row._meta.concrete_fields if not field.primary_key)
    return {name: row.__dict__[name] for name in names if name in row.__dict__}


def in_lower_case(sql: str) -> str:
    verb, rest = sql.split(maxsplit=1)
    return f"\n  {verb.lower()} {rest}"
