"""A session as a row that knows its user, its device, its place and when it was last used."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models, router, transaction
from django.db.models import Q
from django.db.models.deletion import Collector
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from session_backend.auth import accepted_hashes, owner_of
from session_backend.cache import SessionCache, session_cache
from session_backend.conf import conf
from session_backend.details import SessionDetails
from session_backend.fields import Digest
from session_backend.history import Ending, PastSession, Reason, archive
from session_backend.signals import announce, session_ended

if TYPE_CHECKING:
    from session_backend.backends.db import SessionStore

__all__ = ["AbstractSession", "PastSession", "Session", "SessionManager", "SessionQuerySet"]

# Small enough for any database's limit of parameters, and for short locks.
BATCH_SIZE = 500
# How many batches of keys are read at once: finding them may sort all that are left.
READ_AHEAD = 4
# How often to look again for sessions that get new keys while they are being revoked.
PASSES = 5

NOT_EXPORTED = ("session_data", "auth_hash", "device_id", "binding")

if not apps.is_installed("session_backend"):
    raise ImproperlyConfigured("Add 'session_backend' to INSTALLED_APPS.")

Row = TypeVar("Row", bound="AbstractSession")


class SessionQuerySet(models.QuerySet["AbstractSession"]):
    """A set of sessions."""

    def active(self) -> SessionQuerySet:
        """Leave out expired sessions, and those that have not been used for too long."""
        now = timezone.now()
        in_use = Q(idle_expires_at=None) | Q(idle_expires_at__gt=now)
        return self.filter(in_use, expire_date__gt=now)

    def for_user(self, user: AbstractBaseUser | AnonymousUser) -> SessionQuerySet:
        """Keep the sessions in which Django accepts this user; none for an anonymous user.

        Sessions from before a password change are left out. To revoke, filter by the user alone:
        a session that changes the password meanwhile is not in this set any more.
        """
        return self.filter(user=user.pk, auth_hash__in=accepted_hashes(user))

    def others(self, session_key: str | None) -> SessionQuerySet:
        """Leave out the current session, named by its key or digest."""
        return self.exclude(pk=session_key) if session_key else self.all()

    def export(self, user: AbstractBaseUser | AnonymousUser) -> dict[str, list[dict[str, Any]]]:
        """Return all that is stored of a user's sessions, as JSON has it, to give it to them.

        ``{"sessions": […], "past_sessions": […]}``, with neither digests nor session data.
        """
        past = PastSession.objects.using(self.db)
        return {"sessions": exported(self, user), "past_sessions": exported(past, user)}

    def revoke(
        self, *, by: AbstractBaseUser | AnonymousUser | None = None, reason: str = ""
    ) -> int:
        """Revoke these sessions for good and return how many there were.

        ``by`` is the user who does it. ``reason`` is a :class:`~session_backend.history.Reason`;
        without one it is ``"revoked"``, or ``"revoked_by_staff"`` where ``by`` is another user
        than the session's.
        """
        return self._revoke(Ending(reason, by, is_unseen=True))[self.model._meta.label]

    revoke.alters_data = True  # type: ignore[attr-defined]
    revoke.queryset_only = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Revoke these sessions for good; returns what Django's ``delete()`` returns.

        They are deleted in batches, so any number of them takes the same memory. Unlike
        Django's, this accepts a slice.
        """
        total = self._revoke(Ending(is_unseen=True))
        return total.total(), dict(total)

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def clear(self) -> int:
        """Delete these sessions, which have expired, and return how many there were."""
        rows, ending = self.using(self._writer), Ending(Reason.EXPIRED.value)
        if session_ended.has_listeners(self.model) or not rows._can_fast_delete():
            return self._revoke(ending)[self.model._meta.label]
        with rows._archiving(ending):
            return rows._fast_delete()

    clear.alters_data = True  # type: ignore[attr-defined]
    clear.queryset_only = True  # type: ignore[attr-defined]

    def _revoke(self, ending: Ending) -> Counter[str]:
        cache, total = session_cache(), Counter[str]()
        for _pass in range(1 if self.query.is_sliced else PASSES):
            has_missed = False
            for keys in self.key_batches():
                if ending.reason != Reason.EXPIRED:
                    # Without those, sessions of the legacy engine would be adopted again.
                    keys = [key for key in keys if not key.is_refusal]
                deleted = self._revoke_batch(keys, ending, cache)
                total.update(deleted)
                has_missed = has_missed or deleted.get(self.model._meta.label, 0) < len(keys)
            # A session that was missed may have got another key, and is still in this set.
            if not has_missed:
                break
        return total

    def _revoke_batch(
        self, keys: list[Digest], ending: Ending, cache: SessionCache | None = None
    ) -> dict[str, int]:
        """Revoke those of these sessions that have one of the keys; returns counts by model."""
        # The filters apply again: a session that has left the set, because it was extended, say,
        # is not deleted.
        rows = self._unsliced().using(self._writer)
        if ending.reason == Reason.EXPIRED:
            # A cached session expires with its row. Markers for a million would fill the cache.
            cache = SessionCache(is_used=False)
        with (cache or session_cache()).invalidating(keys):
            if not session_ended.has_listeners(self.model):
                with rows.filter(pk__in=keys)._archiving(ending):
                    return rows._delete_keys(keys)
            with transaction.atomic(rows.db):
                sessions = rows._lock(keys)
                keys = [session.pk for session in sessions]
                with rows.filter(pk__in=keys)._archiving(ending):
                    deleted = rows._delete_keys(keys)
                for session in sessions:
                    reason, by, _ = ending.of(session)
                    announce(session_ended, session, rows.db, reason=reason, by=by)
            return deleted

    @contextmanager
    def _archiving(self, ending: Ending) -> Iterator[None]:
        """Copy these sessions to the history, and surround the statement that deletes them."""
        if not conf.history_days:
            yield
            return
        with transaction.atomic(self.db):
            archive(self, ending)
            yield

    def _lock(self, keys: list[Digest]) -> list[AbstractSession]:
        """Lock the rows with these keys until the transaction ends; returns those in this set."""
        # An UPDATE that changes nothing locks rows in any database, SQLite included.
        everything = SessionQuerySet(self.model, using=self.db)
        everything.filter(pk__in=keys).update(expire_date=models.F("expire_date"))
        return list(self.filter(pk__in=keys).defer("session_data"))

    def _delete_keys(self, keys: list[Digest]) -> dict[str, int]:
        rows = self.filter(pk__in=keys)
        if not rows._can_fast_delete():
            return super(SessionQuerySet, rows).delete()[1]
        return {self.model._meta.label: rows._fast_delete()}

    def _can_fast_delete(self) -> bool:
        return not self.query.is_sliced and Collector(self.db, self).can_fast_delete(self)

    def _fast_delete(self) -> int:
        # What Django's delete() does here, without a transaction around one statement.
        with transaction.mark_for_rollback_on_error(using=self.db):
            return self._raw_delete(using=self.db) or 0

    def update(self, **columns: Any) -> int:
        # Where an UPDATE needs a second query, Django passes the keys on as the database returned
        # them, unconverted: the field would hash these digests. So they are read here.
        tables = defaultdict[Any, dict[str, Any]](dict)
        for name, value in columns.items():
            tables[self.model._meta.get_field(name).model][name] = value
        if set(tables) <= {self.model} and self.query.count_active_tables() < 2:
            return super().update(**columns)
        keys = list(self.values_list("pk", flat=True))
        updated = [
            models.QuerySet(table, using=self.db).filter(pk__in=keys).update(**values)
            for table, values in tables.items()
        ]
        return max(updated, default=0)

    update.alters_data = True  # type: ignore[attr-defined]

    def update_unlocked(self, **columns: Any) -> int:
        """Update those of these rows that no other transaction holds; returns how many.

        It does not wait where the database supports ``SKIP LOCKED``.
        """
        connection = connections[self.db]
        if not connection.features.has_select_for_update_skip_locked:
            return self.update(**columns)
        if connection.vendor != "postgresql":
            with transaction.atomic(using=self.db):
                free = list(self.select_for_update(skip_locked=True).values_list("pk", flat=True))
                return self.filter(pk__in=free).update(**columns)
        # One statement; Django's select_for_update() requires a transaction around it.
        sql, params = self.values("pk").query.get_compiler(self.db).as_sql()
        unlocked = RawSQL(f"{sql} FOR UPDATE SKIP LOCKED", params)
        everything = SessionQuerySet(self.model, using=self.db)
        return everything.filter(pk__in=unlocked).update(**columns)

    update_unlocked.alters_data = True  # type: ignore[attr-defined]
    update_unlocked.queryset_only = True  # type: ignore[attr-defined]

    def key_batches(self) -> Iterator[list[Digest]]:
        """Read the digests of these sessions, ``BATCH_SIZE`` at a time."""
        keys = self.using(self._writer).values_list("pk", flat=True)
        if self.query.is_sliced:
            yield from batches(list(keys))
            return
        keys, limit = keys.order_by("pk"), BATCH_SIZE * READ_AHEAD
        found = list(keys[:limit])
        while found:
            yield from batches(found)
            has_more = len(found) == limit
            found = list(keys.filter(pk__gt=found[-1])[:limit]) if has_more else []

    def _unsliced(self) -> SessionQuerySet:
        clone = self.all()
        clone.query.clear_limits()
        return clone

    @property
    def _writer(self) -> str:
        return self._db or router.db_for_write(self.model, **self._hints)  # type: ignore[attr-defined]


def batches(keys: list[Digest]) -> Iterator[list[Digest]]:
    """Cut a list into lists of ``BATCH_SIZE``; the last may be shorter."""
    return (keys[i : i + BATCH_SIZE] for i in range(0, len(keys), BATCH_SIZE))


def exported(
    rows: models.QuerySet[Any], user: AbstractBaseUser | AnonymousUser
) -> list[dict[str, Any]]:
    """Return the rows of a user, the oldest first, without what only the engine can use."""
    fields = (field for field in rows.model._meta.concrete_fields if not field.primary_key)
    names = [field.attname for field in fields if field.name not in NOT_EXPORTED]
    found = rows.filter(user=user.pk, user__isnull=False).order_by("created_at").values(*names)
    rows_as_json: list[dict[str, Any]] = json.loads(json.dumps(list(found), cls=DjangoJSONEncoder))
    return rows_as_json


class _SavingManager(BaseSessionManager[Row]):
    def save(self, session_key: str, session_dict: dict[str, Any], expire_date: datetime) -> Row:
        """Write the data of a session and no other column; empty data revokes it."""
        columns = {
            "session_data": self.encode(session_dict),
            "expire_date": expire_date,
            "updated_at": timezone.now(),
            **owner_of(session_dict)._asdict(),
        }
        row = self.model(session_key=session_key, **columns)
        if not session_dict:
            row.revoke()
            return row
        with session_cache().invalidating([row.session_key]):
            if not self.filter(pk=row.session_key).update(**columns):
                row.save(force_insert=True)
        return row


# Django's manager of sessions, with the methods of SessionQuerySet.
SessionManager = _SavingManager.from_queryset(SessionQuerySet, "SessionManager")


class AbstractSession(SessionDetails, AbstractBaseSession):  # type: ignore[misc]
    """The columns and methods of a session, for a site that adds columns of its own.

    Such a site writes a model that inherits from this class, and a ``SessionStore`` whose
    ``get_model_class`` returns it, as Django describes under "Extending
    database-backed session engines".
    """

    session_data = models.TextField(_("session data"))
    expire_date = models.DateTimeField(_("expires"), db_index=True)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    new_until = models.DateTimeField(null=True, blank=True, editable=False)
    # When the user last proved who they are.
    authenticated_at = models.DateTimeField(default=timezone.now, editable=False)
    # Not indexed, so that PostgreSQL can rewrite a row in place when it is touched.
    idle_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    auth_hash = models.CharField(max_length=16, default="", blank=True, editable=False)
    binding = models.TextField(default="", blank=True, editable=False)

    objects = SessionManager()  # type: ignore[misc]

    class Meta(AbstractBaseSession.Meta):
        abstract = True
        # Repeated for our own catalogues: those of django.contrib.sessions are not installed.
        verbose_name_plural = _("sessions")  # type: ignore[assignment]
        permissions = (("view_session_data", "Can view session data"),)

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        """Return the store class of ``SESSION_ENGINE``, or of our ``db`` engine beside another."""
        from session_backend.backends.db import SessionStore

        store = conf.session_store
        # A site that is about to switch still has another engine.
        return store if issubclass(store, SessionStore) else SessionStore

    @property
    def ends_at(self) -> datetime:
        """When the session ends unless it is used again."""
        return min(self.idle_expires_at or self.expire_date, self.expire_date)

    @property
    def is_bound(self) -> bool:
        """Whether the session is bound to its device, and requests have to prove that."""
        if not self.binding or conf.binding == "off":
            return False
        from session_backend.binding.state import Binding

        return Binding.parse(self.binding).key is not None

    def is_current(self, request: HttpRequest) -> bool:
        """Return whether this is the session of that request."""
        return self.session_key == current_digest(request)

    def revoke(
        self, *, by: AbstractBaseUser | AnonymousUser | None = None, reason: str = ""
    ) -> bool:
        """Revoke the session for good; False if it was gone already.

        ``by`` and ``reason`` are those of :meth:`SessionQuerySet.revoke`.
        """
        return bool(self._revoke(Ending(reason, by)).get(self._meta.label))

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """Revoke the session for good; returns what Django's ``delete()`` returns.

        ``keep_parents`` has no effect: a session is revoked as a whole.
        """
        if not self.pk:
            return super().delete(using, keep_parents)
        deleted = self._revoke(Ending(), using)
        self.pk = None  # type: ignore[assignment]
        return sum(deleted.values()), deleted

    def _revoke(self, ending: Ending, using: str | None = None) -> dict[str, int]:
        if not self.pk:
            return {}
        using = using or router.db_for_write(type(self), instance=self)
        return SessionQuerySet(type(self), using=using)._revoke_batch([self.pk], ending)


def current_digest(request: HttpRequest) -> Digest | None:
    """Return the digest of the key of a request's session; None if it has no key."""
    session = request.session
    return None if session.session_key is None else Digest.of(session.session_key)


class Session(AbstractSession):
    """A session of this site; ``user.session_set`` holds those of a user."""
