"""Sessions in the database."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import (
    VALID_KEY_CHARS,
    CreateError,
    SessionBase,
    UpdateError,
)
from django.db import Error, IntegrityError, connections, router, transaction
from django.db.models import DEFERRED
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.functional import cached_property

from session_backend import statements
from session_backend.activity import Activity
from session_backend.adoption import adopt, forget
from session_backend.client import UNKNOWN, Client, client_from_meta, recorded
from session_backend.conf import conf
from session_backend.fields import Digest
from session_backend.owner import owner_of
from session_backend.signals import MOVES, announce, session_moved, session_started

if TYPE_CHECKING:
    from session_backend.models import AbstractSession
    from session_backend.querysets import SessionQuerySet

__all__ = ["SessionStore"]

logger = logging.getLogger("session_backend")

COLUMNS = ("session_data", "last_activity", "ip", "user_agent", "updated_at", "expire_date")


class Opened(NamedTuple):
    """A session as it was read or written."""

    data: dict[str, Any]
    activity: Activity
    # None where the read does not say which version it is.
    updated_at: datetime | None
    expire_date: datetime


class SessionStore(SessionBase):
    """A session as a row; the key is hashed before anything is asked of the database.

    ``session_key`` may be a :class:`~session_backend.fields.Digest`: such a store can end the
    session and do nothing else with it. ``user_agent`` and ``ip`` are the client's, for code
    that has no request; the middleware hands over the request's ``meta`` instead.
    """

    if TYPE_CHECKING:  # what django-stubs leaves out of SessionBase
        _session_cache: dict[str, Any]

        @property
        def _session(self) -> dict[str, Any]: ...
        def _get_session(self, no_load: bool = False) -> dict[str, Any]: ...
        async def _aget_session(self, no_load: bool = False) -> dict[str, Any]: ...
        def _get_or_create_session_key(self) -> str: ...

    meta: Mapping[str, Any] | None = None
    # What is done with the session is no person's doing, and leaves no trace of activity.
    silent = False

    def __init__(
        self,
        session_key: str | None = None,
        user_agent: str | None = None,
        ip: str | None = None,
    ) -> None:
        super().__init__(session_key)
        self.user_agent = user_agent
        self.ip = ip
        self._opened_at: datetime | None = None
        self._activity: Activity | None = None
        self._updated_at: datetime | None = None
        self._signed_in_as: str | None = None
        self._fresh_key: str | None = None

    # Where the rows are.

    @classmethod
    def get_model_class(cls) -> type[AbstractSession]:
        """Return the model of the rows; a site with its own model overrides this."""
        from session_backend.models import Session

        return Session

    @cached_property
    def model(self) -> type[AbstractSession]:
        return self.get_model_class()

    @cached_property
    def _using(self) -> str:
        # Never a replica: its lag would let a revoked session in and lose a fresh one.
        return router.db_for_write(self.model)

    @cached_property
    def _rows(self) -> SessionQuerySet:
        return self.model.objects.using(self._using)

    @property
    def _row(self) -> SessionQuerySet:
        return self._rows.filter(pk=self.session_key)

    @property
    def _digest(self) -> Digest:
        return Digest.of(self._get_or_create_session_key())

    # Who uses the session.

    @cached_property
    def client(self) -> Client:
        """The client, as it may be recorded."""
        if self.meta is not None:
            return client_from_meta(self.meta)
        return recorded(self.ip, self.user_agent)

    @property
    def user_id(self) -> Any:
        """The primary key of the user who is signed in, or None."""
        return owner_of(self._session).user_id

    async def auser_id(self) -> Any:
        """See user_id."""
        return owner_of(await self._aget_session()).user_id

    # Reading.

    def load(self) -> dict[str, Any]:
        self._opened_at = timezone.now()
        key, opened = self.session_key, None
        if key is not None and not isinstance(key, Digest):
            opened = self._open(self._opened_at)
            if opened is None and conf.legacy_engine:
                adopt(key, self.model)
                opened = self._open(self._opened_at)
        if opened is None:
            self._session_key = None
            return {}
        self._remember(opened)
        return opened.data

    def _open(self, now: datetime) -> Opened | None:
        row = statements.select(self.model, self._using, self._digest, now, COLUMNS)
        if row is None:
            return None
        data, last_activity, ip, user_agent, updated_at, expire_date = row
        activity = Activity(last_activity, Client(ip, user_agent))
        return Opened(self.decode(data), activity, updated_at, expire_date)

    def _remember(self, opened: Opened) -> None:
        self._activity = opened.activity
        self._updated_at = opened.updated_at
        self._signed_in_as = opened.data.get(SESSION_KEY)

    def exists(self, session_key: str) -> bool:
        return self._rows.filter(pk=session_key).exists()

    # Writing.

    def _get_new_session_key(self) -> str:
        # 165 random bits: whether they are taken is left to the primary key.
        self._fresh_key = get_random_string(32, VALID_KEY_CHARS)
        return self._fresh_key

    def create(self) -> None:
        self._session_key = self._get_new_session_key()
        self.save(must_create=True)
        self.modified = True

    def create_model_instance(self, data: dict[str, Any]) -> AbstractSession:
        """Return a row of the columns that a save writes; all others are deferred.

        An override may set more of them, and a save writes those too.
        """
        deferred = dict.fromkeys((f.attname for f in self.model._meta.concrete_fields), DEFERRED)
        now = timezone.now()
        columns = {
            "session_key": self._get_or_create_session_key(),
            "session_data": self.encode(data),
            "expire_date": self.get_expiry_date(modification=now),
            "updated_at": now,
            **owner_of(data)._asdict(),
        }
        return self.model(**deferred | columns)

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractSession:
        """See create_model_instance."""
        return await sync_to_async(self.create_model_instance)(data)

    def save(self, must_create: bool = False) -> None:
        """Write the session.

        Raises UpdateError where it has ended, CreateError where ``must_create`` finds the key
        taken, and the database's own errors as they are: Django's stores make an UpdateError
        of those too, and the visitor of a site whose database went away gets a 400.
        """
        if self.session_key is None:
            return self.create()
        if isinstance(self.session_key, Digest):
            raise UpdateError("A digest may end a session and never write one.")
        data = self._get_session(no_load=must_create)
        row = self.create_model_instance(data)
        signs_in = data.get(SESSION_KEY) not in (None, self._signed_in_as)
        if signs_in:
            row.created_at = row.updated_at
        seen = None if must_create else self._activity
        activity = self._next_activity(seen, row.updated_at, at_once=True)
        stamp = self._activity_columns(seen, activity)
        for column, value in stamp.items():
            setattr(row, column, value)
        known = activity or seen or Activity(row.updated_at, UNKNOWN)
        opened = Opened(data, known, row.updated_at, row.expire_date)
        if must_create:
            self._insert(row, opened)
        else:
            self._update(row, opened)
        self._remember(opened)
        if signs_in and session_started.has_listeners(self.model):
            announce(session_started, self._shown_row(), self._using)
        self._announce_move(seen, stamp)
        return None

    def _insert(self, row: AbstractSession, opened: Opened) -> None:
        for field in row._meta.concrete_fields:
            if field.attname not in row.__dict__:
                setattr(row, field.attname, field.get_default())
        # Where the key may be taken, the caller's transaction has to survive the answer.
        chosen = self.session_key != self._fresh_key
        guarded = chosen and connections[self._using].in_atomic_block
        try:
            with transaction.atomic(self._using) if guarded else nullcontext():
                statements.insert(row, self._using)
        except IntegrityError as error:
            raise CreateError from error

    def _update(self, row: AbstractSession, opened: Opened) -> None:
        if not statements.update(row, self._using):
            raise UpdateError

    def cycle_key(self) -> None:
        """Give the session a new key and keep its row.

        A session that has been revoked in the meantime is not carried over to the new key:
        what goes on is an empty one.
        """
        self._get_session()
        if self.session_key is not None and not isinstance(self.session_key, Digest):
            with self.revoking([Digest.of(self.session_key)]):
                cycled = self._row.update(session_key=self._get_new_session_key())
            if cycled:
                self._session_key = self._fresh_key
                self.modified = True
                return
            self._session_cache = {}
        self.create()

    async def acycle_key(self) -> None:
        """See cycle_key."""
        await sync_to_async(self.cycle_key)()

    # Activity.

    @property
    def is_stamp_due(self) -> bool:
        """Whether the session was opened, is still there, and its row can be stamped again."""
        if self._opened_at is None or self._activity is None or self.session_key is None:
            return False
        return self._next_activity(self._activity, self._opened_at) is not None

    def stamp(self) -> None:
        """Record that the session was used, and by which client, if a stamp is due.

        It touches no data, waits for no other transaction where the database can tell that
        one holds the row, and logs a database error instead of raising it: that somebody was
        here is worth neither a lost write nor a failed request.
        """
        if self._opened_at is None or self._activity is None or not self.is_stamp_due:
            return
        seen = self._activity
        self._activity = self._next_activity(seen, self._opened_at)
        stamp = self._activity_columns(seen, self._activity)
        try:
            stamped = self._row.filter(last_activity=seen.last_activity).update_unlocked(**stamp)
        except Error:
            logger.warning("The activity of a session was not recorded.", exc_info=True)
        else:
            if stamped:
                self._announce_move(seen, stamp)

    async def astamp(self) -> None:
        """See stamp."""
        await sync_to_async(self.stamp)()

    def _next_activity(
        self, seen: Activity | None, now: datetime, *, at_once: bool = False
    ) -> Activity | None:
        """Return what a stamp would record; None where the last is recent, or all is silent."""
        if self.silent:
            return None
        if seen is None:
            return Activity(now, self.client)
        nameless = seen.is_nameless and self.client != UNKNOWN
        due = at_once or nameless or seen.due_in(now) <= 0
        return seen.seen(now, self.client) if due else None

    def _activity_columns(self, seen: Activity | None, activity: Activity | None) -> dict[str, Any]:
        if activity is None:
            return {}
        known = seen.client if seen else UNKNOWN
        client = {} if activity.client == known else self.model.client_columns(activity.client)
        return {"last_activity": activity.last_activity, **client}

    def _announce_move(self, seen: Activity | None, stamp: dict[str, Any]) -> None:
        if seen is None or seen.client == UNKNOWN or "ip" not in stamp:
            return
        if not session_moved.has_listeners(self.model):
            return
        before = self.model.client_columns(seen.client)
        changes = {name: (before[name], stamp[name]) for name in MOVES}
        changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
        if changes:
            announce(session_moved, self._shown_row(), self._using, changes=changes)

    def _shown_row(self) -> AbstractSession:
        return self._row.defer("session_data").get()

    # Ending.

    def delete(self, session_key: str | None = None) -> None:
        key = self.session_key if session_key is None else session_key
        if key is not None:
            if conf.legacy_engine and not isinstance(key, Digest):
                forget(key)
            how = "revoked" if isinstance(key, Digest) else "signed_out"
            self._rows.delete_batch([Digest.of(key)], how)

    @classmethod
    def clear_expired(cls) -> None:
        cls.get_model_class().objects.filter(expire_date__lt=timezone.now()).clear()

    @classmethod
    @contextmanager
    def revoking(cls, keys: Collection[Digest]) -> Iterator[None]:
        """Surround the statement that takes these keys' rows away, whoever issues it."""
        yield

    @classmethod
    def mark_all(cls, rows: SessionQuerySet) -> None:
        """Say that these rows are about to go, by a statement that is not surrounded."""
