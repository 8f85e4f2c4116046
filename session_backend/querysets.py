"""Sets of sessions, and the one way in which they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connections, models, router, transaction
from django.db.models.deletion import Collector
from django.db.models.expressions import RawSQL
from django.utils import timezone

from session_backend import statements
from session_backend.owner import accepted_hashes
from session_backend.signals import announce, session_ended

if TYPE_CHECKING:
    from session_backend.fields import Digest
    from session_backend.models import AbstractSession  # noqa: F401

__all__ = ["SessionQuerySet"]

# Small enough for any database's limit of parameters, and for a lock nobody notices.
BATCH_SIZE = 500
# How many batches of keys are read at once: to find them may take a sort of all that are left.
READ_AHEAD = 4
# How often to look for sessions that get new keys faster than they are ended.
PASSES = 5


class SessionQuerySet(models.QuerySet["AbstractSession"]):
    """A set of sessions."""

    def active(self) -> SessionQuerySet:
        """Leave out what has expired."""
        return self.filter(expire_date__gt=timezone.now())

    def for_user(self, user: AbstractBaseUser | AnonymousUser) -> SessionQuerySet:
        """Keep the sessions with which Django lets this user in; none for an anonymous one.

        Those that a password change has signed out are left out.
        """
        return self.filter(user=user.pk, auth_hash__in=accepted_hashes(user))

    def others(self, session_key: str | None) -> SessionQuerySet:
        """Leave out the session with this key or digest, the visitor's own."""
        return self.exclude(pk=session_key) if session_key else self.all()

    def end(self, *, by: AbstractBaseUser | AnonymousUser | None = None) -> int:
        """Revoke these sessions for good and return how many there were.

        ``by`` is the user who does it, for the receivers of ``session_ended``.
        """
        return self._end("revoked", by)[self.model._meta.label]

    end.alters_data = True  # type: ignore[attr-defined]
    end.queryset_only = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Revoke these sessions for good; returns what Django's ``delete`` does.

        They go in batches, so any number of them takes the same memory. Unlike Django's,
        it takes a slice too.
        """
        total = self._end("revoked")
        return total.total(), dict(total)

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def clear(self) -> int:
        """Remove these sessions, which have expired, and return how many there were."""
        return self._end("expired")[self.model._meta.label]

    clear.alters_data = True  # type: ignore[attr-defined]
    clear.queryset_only = True  # type: ignore[attr-defined]

    def _end(self, how: str, by: AbstractBaseUser | AnonymousUser | None = None) -> Counter[str]:
        total = Counter[str]()
        for _ in range(1 if self.query.is_sliced else PASSES):
            missed = False
            for keys in self.key_batches():
                ended = self.delete_batch(keys, how, by)
                total.update(ended)
                missed = missed or ended.get(self.model._meta.label, 0) < len(keys)
            # What was missed may have been given another key in the meantime, and is still one
            # of these sessions.
            if not missed:
                break
        return total

    def delete_batch(
        self,
        keys: list[Digest],
        how: str = "revoked",
        by: AbstractBaseUser | AnonymousUser | None = None,
    ) -> dict[str, int]:
        """End those of these sessions that have one of the keys; returns counts by model.

        ``how`` and ``by`` are what the receivers of ``session_ended`` are told.
        """
        # The filters are asked again: a session that has left the set in the meantime, one
        # that has been extended, say, lives on.
        rows = self._unsliced().using(self._writer)
        is_watched = session_ended.has_listeners(self.model)
        watched = list(rows.filter(pk__in=keys).defer("session_data")) if is_watched else []
        if how == "expired":
            # No copy outlives its session: a marker for each of a million would only fill the
            # cache.
            deleted = rows._delete_keys(keys)
        else:
            with self.model.get_session_store_class().revoking(keys):
                deleted = rows._delete_keys(keys)
        for session in watched:
            announce(session_ended, session, rows.db, how=how, by=by)
        return deleted

    def _delete_keys(self, keys: list[Digest]) -> dict[str, int]:
        if not Collector(using=self.db, origin=self).can_fast_delete(self):
            return super(SessionQuerySet, self.filter(pk__in=keys)).delete()[1]
        # What Django's delete() comes to here, less a transaction around one statement.
        if not self.query.has_filters() and not self.query.combinator:
            return {self.model._meta.label: statements.delete(self.model, self.db, keys)}
        with transaction.mark_for_rollback_on_error(using=self.db):
            batch = self.filter(pk__in=keys)
            return {self.model._meta.label: batch._raw_delete(using=self.db) or 0}

    delete_batch.alters_data = True  # type: ignore[attr-defined]
    delete_batch.queryset_only = True  # type: ignore[attr-defined]

    def update_unlocked(self, **columns: Any) -> int:
        """Update those of these rows that no other transaction holds; returns how many.

        It waits for none where the database knows ``SKIP LOCKED``.
        """
        connection = connections[self.db]
        if not connection.features.has_select_for_update_skip_locked:
            return self.update(**columns)
        if connection.vendor != "postgresql":
            with transaction.atomic(using=self.db):
                free = list(self.select_for_update(skip_locked=True).values_list("pk", flat=True))
                return self.filter(pk__in=free).update(**columns)
        # One statement; Django's select_for_update() would ask for a transaction around it.
        sql, params = self.values("pk").query.get_compiler(self.db).as_sql()
        unlocked = RawSQL(f"{sql} FOR UPDATE SKIP LOCKED", params)
        everything = SessionQuerySet(self.model, using=self.db)
        return everything.filter(pk__in=unlocked).update(**columns)

    update_unlocked.alters_data = True  # type: ignore[attr-defined]
    update_unlocked.queryset_only = True  # type: ignore[attr-defined]

    def key_batches(self, size: int | None = None) -> Iterator[list[Digest]]:
        """Read the digests of these sessions, ``size`` (or ``BATCH_SIZE``) at a time."""
        size = size or BATCH_SIZE
        keys = self.using(self._writer).values_list("pk", flat=True)
        if self.query.is_sliced:
            yield from cut(list(keys), size)
            return
        keys, many = keys.order_by("pk"), size * READ_AHEAD
        several = list(keys[:many])
        while several:
            yield from cut(several, size)
            more = len(several) == many
            several = list(keys.filter(pk__gt=several[-1])[:many]) if more else []

    def _unsliced(self) -> SessionQuerySet:
        clone = self.all()
        clone.query.clear_limits()
        return clone

    @property
    def _writer(self) -> str:
        return self._db or router.db_for_write(self.model, **self._hints)  # type: ignore[attr-defined]


def cut(keys: list[Digest], size: int) -> Iterator[list[Digest]]:
    """Cut a list into lists of a size; the last may be shorter."""
    return (keys[i : i + size] for i in range(0, len(keys), size))
