"""The engines that are explored: ours, Django's, and ours with one rule of its own broken."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends import cached_db as django_cached_db
from django.contrib.sessions.backends import db as django_db
from django.contrib.sessions.backends.base import SessionBase

from session_backend.backends import cached_db, db
from session_backend.backends.cached_db import packed
from session_backend.backends.copies import Copies
from session_backend.backends.db import Opened, columns_of
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
