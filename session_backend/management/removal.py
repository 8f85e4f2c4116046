"""Sessions on their way from the table of another package to ours."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.cache import caches
from django.core.management.base import CommandError
from django.db import models

from session_backend.fields import Digest
from session_backend.legacy import LegacySession, atomic, claim, columns_of, existing_users
from session_backend.management.contents import decoded
from session_backend.management.sources import ALLAUTH_TABLE, Source, rows_of
from session_backend.querysets import SessionQuerySet

if TYPE_CHECKING:
    from session_backend.models import AbstractSession

__all__ = ["Outcome", "Removal"]

logger = logging.getLogger("session_backend")


class Outcome(Enum):
    """What became of sessions, in words that follow their number."""

    MOVED = "that were moved"
    HERE = "that are here already"
    EXPIRED = "that have expired"
    UNREADABLE = (
        "that cannot be read (signed with another SECRET_KEY, or written by another serializer: "
        "see --serializer)"
    )
    OWNERLESS = "of users who no longer exist"


class Removal:
    """Moves sessions, a batch in a transaction: each is in one of the two tables, never in both.

    ``copy`` leaves the other table as it is; ``dry_run`` leaves both.
    """

    def __init__(
        self,
        source: Source,
        rows: models.QuerySet[Any],
        sessions: SessionQuerySet,
        *,
        serializer: str,
        copy: bool = False,
        dry_run: bool = False,
    ) -> None:
        self.source = source
        self.rows = rows
        self.sessions = sessions
        self.serializer = serializer
        self.copy = copy
        self.dry_run = dry_run
        self.allauth = _allauth_rows(rows.db)
        self.enriched = 0
        self.tally = Counter[Outcome]()

    def batch(self, keys: list[str]) -> None:
        """Move the sessions with these keys, or as many of them as can be."""
        rows = self.rows.filter(pk__in=keys)
        if self.dry_run:
            self._arrivals(list(rows))
            return
        # Where these are two databases, a crash between the two commits leaves a session in
        # both, which the next run puts right.
        with atomic(rows.db, self.sessions.db):
            found = list(rows) if self.copy else claim(rows)
            gone, new, newer = self._arrivals(found)
            self.sessions.bulk_create(new)
            self._update(newer)
            if not self.copy:
                self.rows.filter(pk__in=gone).delete()
        if not self.copy:
            self._forget_copies(gone)

    def _arrivals(
        self, rows: Iterable[Any]
    ) -> tuple[list[str], list[AbstractSession], list[AbstractSession]]:
        """Return the keys that need no other row, and our rows to be inserted and updated."""
        legacy = list(self._readable(rows))
        users = existing_users(legacy)
        belonging = [session for session in legacy if session.belongs(users)]
        self.tally[Outcome.OWNERLESS] += len(legacy) - len(belonging)
        keys = [session.key for session in belonging]
        here = dict(self.sessions.filter(pk__in=keys).values_list("pk", "updated_at"))
        arrivals = [session.as_row(self.sessions.model) for session in belonging]
        new = [row for row in arrivals if row.pk not in here]
        newer = [row for row in arrivals if row.pk in here and here[row.pk] < row.updated_at]
        self.tally[Outcome.MOVED] += len(new) + len(newer)
        self.tally[Outcome.HERE] += len(arrivals) - len(new) - len(newer)
        return keys, new, newer

    def _update(self, rows: list[AbstractSession]) -> None:
        """Write what was copied before and has changed in the other table since."""
        for row in rows:
            # Whatever a cache has of it is not to be believed.
            with row.get_session_store_class().revoking([Digest.of(row.pk)]):
                row.save(force_update=True, using=self.sessions.db)

    def _readable(self, rows: Iterable[Any]) -> Iterable[LegacySession]:
        tracked = self._tracked([row.pk for row in rows])
        for row in rows:
            data = decoded(row.session_data, self.source.salt, self.serializer)
            if data is None:
                self.tally[Outcome.UNREADABLE] += 1
                continue
            columns = tracked.get(row.pk, {})
            columns |= {name: value for name, value in columns_of(row).items() if value}
            yield LegacySession(row.pk, data, columns)

    def _tracked(self, keys: list[str]) -> dict[str, dict[str, Any]]:
        """Return what allauth's usersessions know of these sessions."""
        if self.allauth is None:
            return {}
        tracked = {}
        for row in self.allauth.filter(pk__in=keys):
            columns = columns_of(row)
            columns["last_activity"] = columns.pop("last_seen_at")
            tracked[row.pk] = columns
        self.enriched += len(tracked)
        return tracked

    def _forget_copies(self, keys: list[str]) -> None:
        """Take the sessions out of the cache of the other engine.

        It would let them in for weeks yet, should the site go back to it.
        """
        prefix = self.source.cache_prefix
        if prefix is None:
            return
        try:
            caches[settings.SESSION_CACHE_ALIAS].delete_many([prefix + key for key in keys])
        except Exception:
            logger.warning("The cache still holds copies of moved sessions.", exc_info=True)


def _allauth_rows(using: str) -> models.QuerySet[Any] | None:
    try:
        return rows_of(ALLAUTH_TABLE, using)
    except CommandError:
        return None
