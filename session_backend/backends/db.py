"""Sessions in the database."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import (
    VALID_KEY_CHARS,
    CreateError,
    SessionBase,
    UpdateError,
)
from django.db import Error, IntegrityError, connections, router, transaction
from django.db.models import DEFERRED, Model
from django.db.models.deletion import get_candidate_relations_to_delete
from django.dispatch import Signal
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.functional import cached_property

from session_backend import legacy, sql
from session_backend.auth import accepts, owner_of
from session_backend.backends.records import COLUMNS, SessionRecord
from session_backend.cache import SessionCache, session_cache
from session_backend.client import UNKNOWN, Client, client_from_meta, sanitized_client
from session_backend.client_hints import refined
from session_backend.conf import conf
from session_backend.devices import Device
from session_backend.fields import Digest
from session_backend.history import Ending, Reason, reason_of
from session_backend.impersonation import impersonator_name
from session_backend.known_devices import device_token, recognize
from session_backend.policy import Policy
from session_backend.signals import (
    MOVES,
    announce,
    session_ended,
    session_moved,
    session_started,
)

if TYPE_CHECKING:
    from session_backend.models import AbstractSession, SessionQuerySet

__all__ = ["SessionStore", "session_of"]

logger = logging.getLogger("session_backend")

# How long a new device is marked as new, unless the user sees it before.
UNSEEN = timedelta(days=400)


class SessionStore(SessionBase):
    """A session as a row; the key is hashed before any query.

    ``session_key`` may be a :class:`~session_backend.fields.Digest`: such a store can delete the
    session and do nothing else with it. ``user_agent`` and ``ip`` are the client's, for code
    that has no request; the middleware sets ``request`` instead.
    """

    if TYPE_CHECKING:  # what django-stubs leaves out of SessionBase
        _session_cache: dict[str, Any]

        @property
        def _session(self) -> dict[str, Any]: ...
        def _get_session(self, no_load: bool = False) -> dict[str, Any]: ...
        async def _aget_session(self, no_load: bool = False) -> dict[str, Any]: ...
        def _get_or_create_session_key(self) -> str: ...

    # Whether revoking a session has to invalidate a cached one.
    caches_sessions = False

    request: HttpRequest | None = None
    # Background requests leave no trace of activity.
    background = False
    # Whether the user asked for the end of the session, as far as Django tells.
    is_signing_out = False
    # Whether the user has just proved who they are.
    has_authenticated = False
    # What the device cookie is to hold after this request has signed someone in.
    device_token: str | None = None
    # What the browser is to sign so that the session is bound to its device.
    challenge: str | None = None
    # Whether the session of the cookie is there, and the request does not prove that it comes from
    # the device to which that is bound.
    is_unproven = False

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
        self._record: SessionRecord | None = None
        self._signed_in_as: Any = None
        self._fresh_key: str | None = None
        self._policy = Policy(None)
        # The key of a cookie that opened nothing here. The legacy engine may have its session.
        self._unopened_key: str | None = None
        # The digest of a session that has ended: the history may know why.
        self._ended_digest: Digest | None = None
        self._ended_reason: str | None = None
        # The binding that the request was found to prove: "" asks for nothing.
        self._proven = ""

    @classmethod
    def get_model_class(cls) -> type[AbstractSession]:
        """Return the session model; a site with its own model overrides this."""
        from session_backend.models import Session

        return Session

    @cached_property
    def model(self) -> type[AbstractSession]:
        return self.get_model_class()

    @cached_property
    def _using(self) -> str:
        # Never a replica, whose lag would accept revoked sessions and lose new ones.
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

    @property
    def _has_key(self) -> bool:
        # A digest opens nothing: it may come from a backup or a log.
        return self.session_key is not None and not isinstance(self.session_key, Digest)

    @cached_property
    def _cache(self) -> SessionCache:
        return session_cache()

    @cached_property
    def client(self) -> Client:
        """The client, as the settings allow to store it."""
        if self.request is not None:
            return client_from_meta(self.request.META)
        return sanitized_client(self.ip, self.user_agent)

    @property
    def user_id(self) -> Any:
        """The primary key of the user who is signed in, or None."""
        return owner_of(self._session).user_id

    async def auser_id(self) -> Any:
        """See user_id."""
        return owner_of(await self._aget_session()).user_id

    @property
    def authenticated_at(self) -> datetime | None:
        """When the user last proved who they are; None if nobody is signed in."""
        if self.user_id is None:
            return None
        return self._proved_at(self._session, timezone.now())

    async def aauthenticated_at(self) -> datetime | None:
        """See authenticated_at."""
        await self._aget_session()
        return self.authenticated_at

    def mark_authenticated(self) -> None:
        """Note that the user has just proved who they are, as a sign-in does by itself."""
        self.has_authenticated = self.modified = True

    @property
    def idle_expires_at(self) -> datetime | None:
        """When the session ends unless it is used again; None: not before it expires.

        As it was when the session was read: this request may put it off.
        """
        self._get_session()
        return self._record.idle_expires_at if self._record else None

    async def aidle_expires_at(self) -> datetime | None:
        """See idle_expires_at."""
        await self._aget_session()
        return self.idle_expires_at

    # Reading.

    def load(self) -> dict[str, Any]:
        self._opened_at = timezone.now()
        record = None
        if self._has_key:
            record = self._read(self._opened_at)
            if record is None and conf.legacy_engine:
                legacy.adopt(self)
                record = self._read(self._opened_at)
                if record is None:
                    self._unopened_key = self.session_key
        if record is None:
            self._ended_digest = self._digest if self._has_key else None
            self._session_key = None
            return {}
        refusal = self._refusal(record)
        if refusal is not None:
            # As for a visitor without a session; the row stays, for the browser may come back with
            # the proof.
            self.is_unproven, self._ended_reason, self._session_key = True, refusal, None
            return {}
        self._remember(record)
        return record.data

    def _remember(self, record: SessionRecord) -> None:
        self._record = record
        # The data is modified in place later.
        self._signed_in_as = record.data.get(SESSION_KEY)

    def _read(self, now: datetime) -> SessionRecord | None:
        record = self._read_row(now)
        if record is None or not record.is_idle(now):
            return record
        # Ended at once, unless it was touched meanwhile: a touch that is under way must not bring
        # back a session of which another request has said that it is gone.
        idle = self._row.filter(idle_expires_at__lte=now)
        with self._cache.invalidating([self._digest]):
            idle._revoke_batch([self._digest], Ending(Reason.EXPIRED.value))
        record = self._read_row(now)
        if record is not None and not record.is_idle(now):
            return record
        self._ended_reason = Reason.IDLE.value
        return None

    def _read_row(self, now: datetime) -> SessionRecord | None:
        row = sql.select(self._rows, self._digest, now, COLUMNS)
        return None if row is None else SessionRecord(self.decode(row[0]), *row[1:])

    def exists(self, session_key: str) -> bool:
        # Rebound, so that no frame of ours holds a key that a debug page could show.
        session_key = Digest.of(session_key)
        return self._rows.filter(pk=session_key).exists()

    # Writing.

    def _get_new_session_key(self) -> str:
        # 165 random bits: the primary key tells whether they are taken.
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
        now = timezone.now()
        expires = self.get_expiry_date(modification=now)
        return self._partial_row(
            session_data=self.encode(data),
            expire_date=self._policy_of(data).expire_date(expires, self._proved_at(data, now)),
            updated_at=now,
            **owner_of(data)._asdict(),
        )

    def _partial_row(self, **columns: Any) -> AbstractSession:
        names = (field.attname for field in self.model._meta.concrete_fields)
        deferred = dict.fromkeys(names, DEFERRED)
        return self.model(**deferred | columns | {"session_key": self._digest})

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractSession:
        """See create_model_instance."""
        return await sync_to_async(self.create_model_instance)(data)

    def save(self, must_create: bool = False) -> None:
        """Write the session.

        Raises UpdateError if it has ended, CreateError if ``must_create`` finds the key taken,
        and database errors as they are: Django's stores turn those into UpdateError too, and
        visitors get a 400 from a site whose database went away.
        """
        if self.session_key is None:
            return self.create()
        if not self._has_key:
            raise UpdateError("A digest cannot write a session.")
        if must_create:
            # What is known belongs to the previous session.
            self._record = self._signed_in_as = None
        data = self._get_session(no_load=must_create)
        self._write(data, self._insert if must_create else self._update)
        return None

    def _write(
        self, data: dict[str, Any], write: Callable[[AbstractSession, SessionRecord], None]
    ) -> None:
        """Write a row of this data by one of the methods below, and send the signals."""
        before = self._record
        row = self.create_model_instance(data)
        signs_in, now = self._signs_in(data), row.updated_at
        proved_at = self._proved_at(data, now)
        if before is None:
            record = SessionRecord(data, now, *UNKNOWN, now, row.expire_date, proved_at, None)
        else:
            record = before._replace(
                data=data, updated_at=now, expire_date=row.expire_date, authenticated_at=proved_at
            )
        if not self.background:
            record = self._touched(record, now)
            for column, value in self._touch_columns(before, record).items():
                setattr(row, column, value)
        if before is None or proved_at != before.authenticated_at:
            row.authenticated_at = proved_at
        is_new = signs_in and self._sign_in(row, record.client)
        if signs_in:
            record = record._replace(binding=row.binding)
        write(row, record)
        self._remember(record)
        self.has_authenticated = False
        if signs_in:
            self._policy_of(data).end_surplus(self._rows)
            self._announce(session_started, is_new=is_new, request=self.request)
        self._announce_move(before, record)

    def _signs_in(self, data: dict[str, Any]) -> bool:
        return data.get(SESSION_KEY) not in (None, self._signed_in_as)

    def _proved_at(self, data: dict[str, Any], now: datetime) -> datetime:
        """Return when the user of this data last proved who they are."""
        if self._record is None or self.has_authenticated or self._signs_in(data):
            return now
        return self._record.authenticated_at

    def _policy_of(self, data: dict[str, Any]) -> Policy:
        user_id = owner_of(data).user_id
        if self._policy.user_id != user_id:
            self._policy = Policy(user_id)
        return self._policy

    def _sign_in(self, row: AbstractSession, client: Client) -> bool:
        """Fill in the columns of a sign-in, and return whether its device is new to the user."""
        row.created_at, row.name, row.device_id = row.updated_at, "", ""
        row.new_until, row.binding = None, ""
        if conf.binding != "off":
            self._offer_binding(row)
        columns = self.model.client_columns(client)
        # The session may have this user agent already, from before there were hints.
        for column, value in self._hinted(columns).items():
            setattr(row, column, value)
        row.impersonator = impersonator_name(self.request)
        if self.request is not None and conf.device_cookie:
            self.device_token = device_token(self.request)
            row.device_id = Digest.of(self.device_token)
        if not conf.history_days or row.user_id is None or row.impersonator:
            return False
        earlier = self._rows.filter(user=row.user_id).exclude(pk=row.session_key)
        found = recognize(earlier, row.user_id, row.device_id, columns)
        row.name = found.name
        if found.is_new:
            row.new_until = row.updated_at + UNSEEN
        return found.is_new

    def _insert(self, row: AbstractSession, record: SessionRecord) -> None:
        for field in row._meta.concrete_fields:
            if field.attname not in row.__dict__ and not field.generated:
                setattr(row, field.attname, field.get_default())
        # A key that the caller chose may be taken; their transaction has to survive that.
        is_chosen = self.session_key != self._fresh_key
        is_guarded = is_chosen and connections[self._using].in_atomic_block
        try:
            with transaction.atomic(self._using) if is_guarded else nullcontext():
                # Into every table of a model that has several.
                row.save(force_insert=(Model,), using=self._using)
        except IntegrityError as error:
            raise CreateError from error

    def _update(self, row: AbstractSession, record: SessionRecord) -> None:
        if not sql.update(self._rows, row):
            raise UpdateError

    def cycle_key(self) -> None:
        """Give the session a new key and keep its row.

        A session that has been revoked in the meantime is not carried over to the new key;
        an empty one takes its place.
        """
        data = self._get_session()
        if self._has_key:
            try:
                if self.modified:
                    self._write(data, self._rekey)
                else:
                    self._change_key({})
            except UpdateError:
                self._session_cache = {}
            else:
                self.modified = True
                return
        self.create()

    async def acycle_key(self) -> None:
        """See cycle_key."""
        await sync_to_async(self.cycle_key)()

    def _rekey(self, row: AbstractSession, record: SessionRecord) -> None:
        self._change_key(sql.saved_columns(row))

    def _change_key(self, columns: dict[str, Any]) -> None:
        """Write these columns and a new key, to the rows that refer to the session as well."""
        # With multi-table inheritance, the parent that has the key.
        model = self.model._meta.get_field("session_key").model
        rows = model._base_manager.using(self._using)
        before, after = self._digest, Digest.of(self._get_new_session_key())
        relations: Any = get_candidate_relations_to_delete(model._meta)
        references = [
            relation.field for relation in relations if relation.field.target_field.primary_key
        ]
        connection = connections[self._using]
        with self._cache.invalidating([before]), ExitStack() as stack:
            if references:
                stack.enter_context(transaction.atomic(self._using))
                # MariaDB checks foreign keys at once, other databases when the transaction ends.
                stack.enter_context(connection.constraint_checks_disabled())
            if not rows.filter(session_key=before).update(session_key=after, **columns):
                raise UpdateError
            for field in references:
                referring = field.model._base_manager.using(self._using)
                referring.filter(**{field.attname: before}).update(**{field.attname: after})
        self._session_key = self._fresh_key

    # Activity.

    @property
    def is_touch_due(self) -> bool:
        """Whether the session was opened, is still there, and its row is to be touched again."""
        if self._opened_at is None or self._record is None or self.session_key is None:
            return False
        return self._is_touch_due(self._record, self._opened_at)

    def _is_touch_due(self, record: SessionRecord, now: datetime) -> bool:
        if self.background:
            return False
        lacks_client = record.lacks_client and self.client != UNKNOWN
        return lacks_client or record.seconds_until_touch(now) <= 0

    def touch(self) -> None:
        """Record that the session was used, and by which client, if that is due.

        It writes no data, does not wait for a transaction that holds the row where the database
        supports that, and logs a database error instead of raising it: activity is not worth a
        lost write or a failed request.
        """
        if self._opened_at is None or self._record is None or not self.is_touch_due:
            return
        before = self._record
        self._record = self._touched(before, self._opened_at)
        columns = self._touch_columns(before, self._record)
        rows = self._row.filter(last_activity=before.last_activity)
        try:
            touched = rows.update_unlocked(**columns)
        except Error:
            logger.warning("The activity of a session was not recorded.", exc_info=True)
        else:
            if touched:
                self._announce_move(before, self._record)

    async def atouch(self) -> None:
        """See touch."""
        await sync_to_async(self.touch)()

    def _touched(self, record: SessionRecord, now: datetime) -> SessionRecord:
        idle_expires_at = self._policy_of(record.data).idle_expires_at(now)
        return record.touched(now, self.client)._replace(idle_expires_at=idle_expires_at)

    def _touch_columns(self, before: SessionRecord | None, after: SessionRecord) -> dict[str, Any]:
        known = before.client if before else UNKNOWN
        client = {} if after.client == known else self.model.client_columns(after.client)
        if after.user_agent == known.user_agent:
            # The hints may have said more than the user agent.
            client = {name: client[name] for name in client if name not in Device._fields}
        columns = {"last_activity": after.last_activity, **client, **self._hinted(client)}
        if before is None or before.idle_expires_at != after.idle_expires_at:
            columns["idle_expires_at"] = after.idle_expires_at
        return columns

    def _hinted(self, columns: dict[str, Any]) -> dict[str, str]:
        return {} if self.request is None else refined(columns, self.request.META)

    # Signals.

    def _announce_move(self, before: SessionRecord | None, after: SessionRecord) -> None:
        if before is None or before.client in (UNKNOWN, after.client):
            return
        if session_moved.has_listeners(self.model):
            old, new = map(self.model.client_columns, (before.client, after.client))
            changes = {name: (old[name], new[name]) for name in MOVES if old[name] != new[name]}
            if changes:
                self._announce(session_moved, changes=changes)

    def _announce(self, signal: Signal, **kwargs: Any) -> None:
        if signal.has_listeners(self.model):
            session = self._row.defer("session_data").first()
            # It may have been revoked meanwhile.
            if session is not None:
                announce(signal, session, self._using, **kwargs)

    # Binding.

    def _offer_binding(self, row: AbstractSession) -> None:
        from session_backend.binding.state import offered

        binding = offered(self.request, row.user_id)
        if binding is not None:
            row.binding, self.challenge = str(binding), binding.challenge

    def _refusal(self, record: SessionRecord) -> str | None:
        """Return why the request may not open a session that is there; None if it may.

        ``""``: it lacks the proof that it comes from the device to which the session is bound. Or a
        Reason: the session had to be bound, and is not.
        """
        if record.binding == self._proven or self.request is None or conf.binding == "off":
            return None
        from session_backend.binding.state import Binding, bound_cookie

        binding = Binding.parse(record.binding)
        if binding.accepts(bound_cookie(self.request)):
            self._proven = record.binding
            return None
        return "" if binding.key else Reason.BINDING_FAILED.value

    def read_bound(self, *, is_repeated: bool = False) -> SessionRecord | None:
        """Read the session to change its binding; None if there is none, or none to change.

        It asks for no proof. ``is_repeated``: a change of what was read before came too late.
        """
        read = self._read_again if is_repeated else self._read
        record = read(timezone.now())
        return record if record is not None and record.binding else None

    def _read_again(self, now: datetime) -> SessionRecord | None:
        return self._read(now)

    def bind(self, record: SessionRecord, binding: str) -> bool:
        """Change the binding of a session that was read; False if something else has changed it.

        It writes no other column than ``updated_at``.
        """
        row = self._partial_row(binding=binding, updated_at=timezone.now())
        return self._bind(row, record)

    def _bind(self, row: AbstractSession, record: SessionRecord) -> bool:
        return bool(sql.update(self._rows, row, binding=record.binding))

    def end_bound(self, record: SessionRecord) -> bool:
        """End a session that was read: its binding has failed. False if that has changed."""
        rows = self._rows.filter(binding=record.binding)
        ending = Ending(Reason.BINDING_FAILED.value)
        return any(rows._revoke_batch([self._digest], ending, self._cache).values())

    # Ending.

    def delete(self, session_key: str | None = None) -> None:
        # Rebound, as in exists().
        session_key = self.session_key if session_key is None else session_key
        session_key = self._unopened_key if session_key is None else session_key
        if session_key is None:
            return
        is_digest = isinstance(session_key, Digest)
        ending = Ending() if is_digest else self._ending
        legacy_store = None
        if conf.legacy_engine and not is_digest:
            legacy_store = type(self)(str(session_key))
        session_key = Digest.of(session_key)
        if ending.reason == Reason.PASSWORD_CHANGED:
            self._ended_digest = session_key
        deleted = self._rows._revoke_batch([session_key], ending, self._cache)
        if legacy_store is not None:
            legacy.forget(legacy_store)
            if not any(deleted.values()):
                # A request may have adopted it in between.
                self._rows._revoke_batch([session_key], ending, self._cache)

    @property
    def _ending(self) -> Ending:
        """Why this store deletes its own session."""
        # Without an announced sign-out it may be that Django found another password than that
        # with which the session was opened. Not so when someone else signs in.
        is_wanted = conf.history_days or session_ended.has_listeners(self.model)
        if self._record is None or self.is_signing_out or not is_wanted:
            return Ending(Reason.SIGNED_OUT.value)
        is_accepted = accepts(self._record.data)
        return Ending((Reason.SIGNED_OUT if is_accepted else Reason.PASSWORD_CHANGED).value)

    @property
    def has_ended(self) -> bool:
        """Whether the session of the cookie is not there, or was ended by a password change."""
        return self._ended_digest is not None

    def ended_reason(self) -> str:
        """Return why the session of the cookie has ended, a Reason; ``""`` if it is not known.

        It takes one statement, and none while the session is there or has not been used.
        """
        if self._ended_reason is None and self._ended_digest and conf.history_days:
            self._ended_reason = reason_of(self._rows, self._ended_digest)
        return self._ended_reason or ""

    async def aended_reason(self) -> str:
        """See ended_reason."""
        return await sync_to_async(self.ended_reason)()

    @classmethod
    def clear_expired(cls) -> None:
        cls.get_model_class().objects.filter(expire_date__lt=timezone.now()).clear()


def session_of(request: HttpRequest) -> SessionStore | None:
    """Return the session of a request, or None if a view has replaced it by something else."""
    session = getattr(request, "session", None)
    return session if isinstance(session, SessionStore) else None
