"""Sessions in the database, with cached sessions that are revoked with their rows.

A cached session is believed for one activity interval at most, and not at all while there is an
invalidation marker for it. So the database is the only truth, and no write to the cache, in
whatever order, brings a revoked session back. See ``session_backend.cache``.
"""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from django.db import connections

from session_backend import sql
from session_backend.backends import db
from session_backend.backends.records import SessionRecord
from session_backend.conf import conf

if TYPE_CHECKING:
    from session_backend.models import AbstractSession

__all__ = ["SessionStore"]


class SessionStore(db.SessionStore):
    """The store of the ``db`` engine, which reads most sessions from a cache.

    Over a cache that every process has for itself (``LocMemCache``) or that keeps nothing, it
    reads the row each time, as ``db`` does.
    """

    caches_sessions = True

    def _read(self, now: datetime) -> SessionRecord | None:
        entry, is_invalidated = self._cache.read(self._digest)
        record = unpacked(entry, now)
        if (
            record is not None
            and is_invalidated is False
            and record.expire_date > now
            and not record.is_idle(now)
            # Only the row may refuse: it may know of a later proof.
            and self._refusal(record) is None
        ):
            return record
        if entry is not None and record is None:
            self._cache.delete([self._digest])
        record = super()._read(now)
        if record is None or is_invalidated:
            return record
        if self._is_recent_write(record, now):
            # That write may reach the cache after a later one. Without a version, a save from
            # here invalidates.
            record = record._replace(updated_at=None)
        if is_invalidated is False and not self.background:
            self._fill(record, now)
        return record

    def _is_recent_write(self, record: SessionRecord, now: datetime) -> bool:
        written = record.updated_at
        return written is not None and (now - written).total_seconds() < conf.activity_interval

    def _fill(self, record: SessionRecord, now: datetime) -> None:
        if self._is_touch_due(record, now):
            if self.request is None or self._refusal(record) is not None:
                # There is no middleware to touch the row, or it does not. A cached session would
                # hide that it is due from the request that could.
                return
            # The touch has not happened yet, so it does not put off the idle timeout here.
            record = record.touched(now, self.client)
        seconds = lifetime(record, now)
        if seconds > 0:
            self._cache.fill(self._digest, packed(record), seconds)

    def _insert(self, row: AbstractSession, record: SessionRecord) -> None:
        super()._insert(row, record)
        if record.data and not self._is_in_transaction:
            self._keep(record, row.updated_at)

    def _update(self, row: AbstractSession, record: SessionRecord) -> None:
        # Concurrent saves may reach the cache out of order, and a transaction may be rolled
        # back, so those invalidate instead.
        version = self._record.updated_at if self._record else None
        is_ordered = version is not None and not self._is_in_transaction
        if is_ordered and sql.update(self._rows, row, updated_at=version):
            self._keep(record, row.updated_at)
            return
        with self._cache.invalidating([self._digest]):
            super()._update(row, record)

    def _read_again(self, now: datetime) -> SessionRecord | None:
        # From the row, as the cache may be behind it; so a change from here invalidates.
        record = super()._read(now)
        return None if record is None else record._replace(updated_at=None)

    def _bind(self, row: AbstractSession, record: SessionRecord) -> bool:
        # As in _update().
        if record.updated_at is None or self._is_in_transaction:
            with self._cache.invalidating([self._digest]):
                return super()._bind(row, record)
        unchanged = {"binding": record.binding, "updated_at": record.updated_at}
        is_written = bool(sql.update(self._rows, row, **unchanged))
        if is_written:
            record = record._replace(binding=row.binding, updated_at=row.updated_at)
            self._keep(record, row.updated_at)
        return is_written

    def _keep(self, record: SessionRecord, now: datetime) -> None:
        self._cache.write(self._digest, packed(record), lifetime(record, now))

    @property
    def _is_in_transaction(self) -> bool:
        return connections[self._using].in_atomic_block


def lifetime(record: SessionRecord, now: datetime) -> int:
    """Return for how many seconds a cached session is believed: until its next touch is due.

    That is never longer than the interval, whatever the clock of the machine that touched it.
    """
    if record.lacks_client:
        return 0
    expires_in = (record.expire_date - now).total_seconds()
    return ceil(min(record.seconds_until_touch(now), conf.activity_interval, expires_in))


def packed(record: SessionRecord) -> tuple[Any, ...]:
    """Return what the cache keeps of a session: plain values, which any release can read.

    Times are text: unpickling a ``datetime`` takes longer than all the rest.
    """
    return tuple(part.isoformat() if isinstance(part, datetime) else part for part in record)


def unpacked(entry: object, now: datetime) -> SessionRecord | None:
    """Return the session that was packed, or None if the cache held something else.

    Times that are naive where ``now`` is aware, or the reverse, are from before the site changed
    ``USE_TZ``, and cannot be compared.
    """
    match entry:
        case (
            dict(data),
            str(seen),
            str() | None as ip,
            str(user_agent),
            str() | None as updated,
            str(expires),
            str(authenticated),
            str() | None as idle,
            str(binding),
        ):
            texts = (seen, updated, expires, authenticated, idle)
            try:
                times: Any = [
                    text if text is None else datetime.fromisoformat(text) for text in texts
                ]
            except ValueError:
                return None
            if len({moment.tzinfo is None for moment in (now, *times) if moment is not None}) == 1:
                return SessionRecord._make((data, times[0], ip, user_agent, *times[1:], binding))
    return None
