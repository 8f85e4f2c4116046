"""Sessions in the database, with copies in a cache that are revoked with their rows.

A copy lives no longer than the activity interval. A revocation sets a marker under a key of
its own before the row goes; a load reads copy and marker at once, and a marker sends it to
the row. So the database is the only truth, and no write to the cache, in whatever order,
brings a revoked session back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from django.db import connections

from session_backend import statements
from session_backend.activity import Activity
from session_backend.backends import db
from session_backend.backends.copies import Copies
from session_backend.backends.db import Opened
from session_backend.client import Client
from session_backend.conf import conf
from session_backend.fields import Digest

if TYPE_CHECKING:
    from session_backend.models import AbstractSession
    from session_backend.querysets import SessionQuerySet

__all__ = ["SessionStore"]


class SessionStore(db.SessionStore):
    """The store of the ``db`` engine that spares the database most of the reads."""

    def __init__(
        self,
        session_key: str | None = None,
        user_agent: str | None = None,
        ip: str | None = None,
    ) -> None:
        super().__init__(session_key, user_agent, ip)
        self._copies = Copies()

    def _open(self, now: datetime) -> Opened | None:
        copy, is_marked = self._copies.read(self._digest)
        opened = unpacked(copy, now)
        if opened is not None and is_marked is False and opened.expire_date > now:
            return opened
        if copy is not None and opened is None:
            self._copies.drop([self._digest])
        opened = super()._open(now)
        if opened is None or is_marked:
            return opened
        if self._is_settling(opened, now):
            # The copy of whoever wrote this may be on its way still, and would go over that of
            # a later write: it is not said which version was read, so that write has to mark.
            opened = opened._replace(updated_at=None)
        if is_marked is False and not self.silent:
            self._fill(opened, now)
        return opened

    def _is_settling(self, opened: Opened, now: datetime) -> bool:
        """Tell whether a row was written so recently that a copy of that write may still arrive."""
        written = opened.updated_at
        return written is not None and (now - written).total_seconds() < conf.activity_interval

    def _fill(self, opened: Opened, now: datetime) -> None:
        stamped = self._next_activity(opened.activity, now)
        if stamped is not None:
            if self.meta is None:
                # No middleware is going to record this activity: a copy would hide that it
                # is due from the request that could.
                return
            opened = opened._replace(activity=stamped)
        seconds = lifetime(opened, now)
        if seconds > 0:
            self._copies.fill(self._digest, packed(opened), seconds)

    def _insert(self, row: AbstractSession, opened: Opened) -> None:
        super()._insert(row, opened)
        if opened.data and not self._is_in_transaction:
            self._keep(opened, row.updated_at)

    def _update(self, row: AbstractSession, opened: Opened) -> None:
        # Of two that write at once nobody knows whose copy comes last; what a transaction
        # writes may never have been. Such copies are not to be believed, the row is.
        is_disputed = self._updated_at is None or self._is_in_transaction
        if not is_disputed and statements.update(row, self._using, updated_at=self._updated_at):
            self._keep(opened, row.updated_at)
            return
        self._copies.mark([self._digest])
        super()._update(row, opened)

    def _keep(self, opened: Opened, now: datetime) -> None:
        self._copies.write(self._digest, packed(opened), lifetime(opened, now))

    @property
    def _is_in_transaction(self) -> bool:
        return connections[self._using].in_atomic_block

    @classmethod
    @contextmanager
    def revoking(cls, keys: Collection[Digest]) -> Iterator[None]:
        with Copies().revoking(keys):
            yield

    @classmethod
    def mark_all(cls, rows: SessionQuerySet) -> None:
        copies = Copies()
        for keys in rows.key_batches():
            copies.mark(keys)


def lifetime(opened: Opened, now: datetime) -> int:
    """Return for how many seconds a copy may be believed: until its next stamp is due.

    That is never longer than the interval, whatever the clock of the machine said that stamped
    it last.
    """
    if opened.activity.is_nameless:
        return 0
    expires_in = (opened.expire_date - now).total_seconds()
    return ceil(min(opened.activity.due_in(now), conf.activity_interval, expires_in))


def packed(opened: Opened) -> tuple[Any, ...]:
    """Return what the cache keeps of a session: plain values, which any release reads.

    Times are text: to unpickle a ``datetime`` takes longer than all the rest.
    """
    data, (last_activity, client), updated_at, expire_date = opened
    updated = updated_at and updated_at.isoformat()
    return (data, last_activity.isoformat(), *client, updated, expire_date.isoformat())


def unpacked(copy: object, now: datetime) -> Opened | None:
    """Return the session that was packed, None where the cache held something else.

    Times of the other kind than ``now``, aware or naive, are from before the site changed its
    ``USE_TZ``, and cannot be compared.
    """
    match copy:
        case (
            dict(data),
            str(seen),
            str() | None as ip,
            str(user_agent),
            str() | None as updated,
            str(expires),
        ):
            try:
                last_activity, expire_date = map(datetime.fromisoformat, (seen, expires))
                updated_at = None if updated is None else datetime.fromisoformat(updated)
            except ValueError:
                return None
            moments = (now, last_activity, updated_at or now, expire_date)
            if len({moment.tzinfo is None for moment in moments}) == 1:
                activity = Activity(last_activity, Client(ip, user_agent))
                return Opened(data, activity, updated_at, expire_date)
    return None
