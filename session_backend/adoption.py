"""Sessions that become ours at their next request.

While ``SESSION_BACKEND_LEGACY_ENGINE`` names an engine, a cookie that is unknown here but alive
there is adopted: its session leaves the old engine and is inserted here in one transaction, so
that no session is in both, and none that was revoked here comes back from there.

That holds for engines that keep rows in the same database. A row in another database is
deleted first: a crash in between signs that visitor out. An engine without rows (Django's
``cache`` and ``file``) cannot take part in a transaction: it is asked again once our row is
inserted, and deletes when that is committed; only a crash in between leaves both.
``signed_cookies`` keeps nothing on the server, so nothing of it can be adopted.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousOperation
from django.db import IntegrityError, models, router, transaction
from django.utils.timezone import now

from session_backend.conf import conf
from session_backend.legacy import LegacySession, atomic, claim, columns_of, existing_users

if TYPE_CHECKING:
    from session_backend.models import AbstractSession

__all__ = ["adopt", "forget"]

# What other engines take for a key; anything else in a cookie is not worth asking them.
_KEY = re.compile(r"[!-~]{8,40}")


def adopt(key: str, model: type[AbstractSession]) -> None:
    """Insert the session with this key here, if it is alive in the legacy engine.

    Whether it was, or another request did it first, the row tells.
    """
    legacy = _LegacyStore.of(key)
    if legacy is None or not legacy.exists():
        return
    using = router.db_for_write(model)
    with suppress(IntegrityError, _TakenError), atomic(using, legacy.using or using):
        session = legacy.read()
        if session is not None and session.belongs(existing_users([session])):
            session.as_row(model).save(force_insert=True, using=using)
            legacy.end(using)


def forget(key: str) -> None:
    """End the session with this key in the legacy engine, if it is there."""
    legacy = _LegacyStore.of(key)
    if legacy is not None:
        with suppress(SuspiciousOperation):
            legacy.store.delete(key)


class _TakenError(Exception):
    """Another request has adopted the session that this one was about to."""


class _LegacyStore:
    """The store of the legacy engine, for one key."""

    def __init__(self, engine: str, key: str) -> None:
        self.key = key
        self.store = import_module(engine).SessionStore(key)
        self.model = _model_of(self.store)
        self.using = router.db_for_write(self.model) if self.model else None

    @classmethod
    def of(cls, key: str) -> _LegacyStore | None:
        engine = conf.legacy_engine
        return cls(engine, key) if engine and _KEY.fullmatch(key) else None

    def exists(self) -> bool:
        if self.model is not None:
            # The engine itself may answer from a cache, which may keep what has been revoked.
            return self._rows(self.model).exists()
        try:
            return bool(self.store.exists(self.key))
        except SuspiciousOperation:  # the file engine's answer to a key that is no file name
            return False

    def read(self) -> LegacySession | None:
        if self.model is None:
            return self._read_without_row()
        for row in claim(self._rows(self.model)):
            return LegacySession(self.key, self.store.decode(row.session_data), columns_of(row))
        return None

    def end(self, using: str) -> None:
        """Delete the session, now or, where that cannot be undone, with the commit."""
        if self.model is not None:
            self.store.delete(self.key)
        elif self.exists():
            transaction.on_commit(partial(self.store.delete, self.key), using=using)
        else:
            raise _TakenError

    def _rows(self, model: type[models.Model]) -> models.QuerySet[Any]:
        rows = model._base_manager.using(self.using)
        return rows.filter(pk=self.key, expire_date__gt=now())

    def _read_without_row(self) -> LegacySession | None:
        data = self.store.load()
        if self.store.session_key != self.key:
            # Some engines answer a dead key with a fresh session.
            self.store.delete()
            return None
        expiry = self.store.get_expiry_date(expiry=data.get("_session_expiry"))
        return LegacySession(self.key, data, {"expire_date": expiry})


def _model_of(store: Any) -> type[models.Model] | None:
    """Return the model of an engine's rows; None for an engine that keeps none."""
    if hasattr(store, "get_model_class"):
        return store.get_model_class()  # type: ignore[no-any-return]
    return getattr(sys.modules[type(store).__module__], "Session", None)
