"""Sessions of another engine, adopted one by one or imported by ``migratesessions``.

While ``SESSION_BACKEND_LEGACY_ENGINE`` names an engine, a session that is unknown here but alive
there is adopted at its next request: it is deleted there and inserted here.

A session must never be in both places, or the one left there would be adopted again after it was
revoked here. A table in the same database takes part in the transaction that inserts our row.
Another database, a cache or a file cannot, so there the session is gone just before that
transaction is committed. A crash or a rollback in between signs the visitor out.

The tables of Django and of three other packages are read directly, whether their apps are
installed or not: their engines may trust a cache, and take a session that they cannot read for an
empty one. Any other engine is asked through its ``SessionStore``. ``signed_cookies`` stores nothing
on the server, so there is nothing to adopt.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.backends.base import UpdateError
from django.core import signing
from django.core.cache import caches
from django.core.exceptions import SuspiciousOperation
from django.db import IntegrityError, connections, models, router, transaction
from django.utils.module_loading import import_string
from django.utils.timezone import now

from session_backend.auth import owner_of
from session_backend.cache import session_cache
from session_backend.client import sanitized_client
from session_backend.conf import conf
from session_backend.fields import Digest

if TYPE_CHECKING:
    from session_backend.backends.db import SessionStore
    from session_backend.models import AbstractSession, SessionQuerySet

__all__ = [
    "ALLAUTH",
    "SOURCES",
    "LegacySession",
    "Outcome",
    "SessionImporter",
    "adopt",
    "forget",
    "revoke_legacy_sessions",
    "rows_of",
    "source_of",
]

logger = logging.getLogger("session_backend")

# What other engines take for a key; they are not asked about anything else in a cookie.
_KEY = re.compile(r"[!-~]{8,40}")
# No browser keeps a cookie for longer (RFC 6265bis, section 5.5).
_LONGEST_COOKIE = timedelta(days=400)
# Where other packages repeat the client in the session data, and the column that it belongs to.
_CLIENT_KEYS = {
    "_qsessions_ip": "ip",
    "_qsessions_user_agent": "user_agent",
    "_django_user_sessions_ng_session_ip": "ip",
    "_django_user_sessions_ng_session_device": "device",
}
# What is left for a moment in the place of a session that was adopted.
_ADOPTED = "_session_backend_adopted"
_NOTE_SECONDS = 3600
# What django-user-sessions-ng keeps of a user agent: "iPhone / iOS 17.4 / Mobile Safari 17.4".
_LABEL = re.compile(
    r"(?P<device_model>iPhone|iPad|iPod|).* / (?P<os>.{1,64}?)( [\d.]+)? / "
    r"(Mobile )?(?P<browser>.{1,64}?)( Mobile)?( iOS)?( [\d.]+)?"
)


# The tables of other packages.


class Source(NamedTuple):
    """A package that keeps sessions in a table, and how it writes them.

    ``cache_prefix`` is what its ``cached_db`` engine puts before a session key.
    """

    package: str
    table: str
    salt: str = "django.contrib.sessions.SessionStore"
    cache_prefix: str | None = None

    @property
    def label(self) -> str:
        return self.package.rpartition(".")[2]


SOURCES = {
    source.label: source
    for source in (
        Source(
            "django.contrib.sessions",
            "django_session",
            cache_prefix="django.contrib.sessions.cached_db",
        ),
        Source("user_sessions", "user_sessions_session"),
        Source("qsessions", "qsessions_session", cache_prefix="qsessions.q_cached_db"),
        Source(
            "django_user_sessions_ng",
            "django_user_sessions_ng_user_sessions",
            "django_user_sessions_ng.SessionStore",
            "django_user_sessions_ng.cached_db",
        ),
    )
}
# Not a session engine but a list beside one, which knows the client of each session.
ALLAUTH = Source("allauth.usersessions", "usersessions_usersession")


def source_of(engine: str) -> Source | None:
    """Return the table of an engine of one of these packages, by its dotted path."""
    package, _, name = engine.rpartition(".backends.")
    for source in SOURCES.values():
        if source.package == package and name in ("db", "cached_db"):
            return source if name == "cached_db" else source._replace(cache_prefix=None)
    return None


# The columns that any of these tables may have and that say something about a session.
_COLUMNS: dict[str, type[models.Field[Any, Any]]] = {
    "session_data": models.TextField,
    "expire_date": models.DateTimeField,
    "ip": models.GenericIPAddressField,
    "user_agent": models.TextField,
    "device": models.TextField,
    "created_at": models.DateTimeField,
    "updated_at": models.DateTimeField,
    "last_activity": models.DateTimeField,
    "last_seen_at": models.DateTimeField,
}


def rows_of(source: Source, using: str | None = None) -> models.QuerySet[Any]:
    """Return the rows of a table, with the columns that are known here.

    They are read from ``using``, by default the database to which the site's routers send the
    package's models. Raises LookupError if that database has no such table.
    """
    model = _model_of(source.label, source.table)
    using = using or router.db_for_write(model)
    return model._base_manager.using(using).only(*_columns_in(using, source.table))


@cache
def _model_of(label: str, table: str) -> type[models.Model]:
    # A registry of its own: the site's models, the package's among them, stay as they are. Routers
    # see the names that the package's own model has.
    meta = type("Meta", (), {"app_label": label, "apps": Apps(), "db_table": table})
    members: dict[str, Any] = {
        "__module__": __name__,
        # What is printed of a row must not hold its key.
        "__str__": lambda row: Digest.of(row.pk),
        "Meta": meta,
        "session_key": models.CharField(max_length=40, primary_key=True),
        **{name: field(null=True) for name, field in _COLUMNS.items()},
    }
    return type("Session", (models.Model,), members)


@cache
def _columns_in(using: str, table: str) -> list[str]:
    connection = connections[using]
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            raise LookupError(f"The database {using!r} has no table {table}.")
        found = connection.introspection.get_table_description(cursor, table)
    return [column.name for column in found if column.name in _COLUMNS]


def _columns_of(row: models.Model) -> dict[str, Any]:
    """Return the columns of a row that hold anything."""
    return {name: row.__dict__[name] for name in _COLUMNS if row.__dict__.get(name)}


def decoded(session_data: str, salt: str, serializer: str) -> dict[str, Any] | None:
    """Return the data of a session; None if this SECRET_KEY or serializer cannot read it.

    A session store would return an empty session, which looks like a real one.
    """
    try:
        data = signing.loads(session_data, salt=salt, serializer=import_string(serializer))
    except Exception:  # BadSignature, and anything that a serializer raises
        return None
    return data if isinstance(data, dict) else None


# From a session there to a row here.


class LegacySession(NamedTuple):
    """A session as another engine kept it.

    ``known`` are the columns of its row, by the names that engine gave them; ``expire_date`` is
    always among them.
    """

    digest: Digest
    data: dict[str, Any]
    known: Mapping[str, Any]

    @property
    def user_id(self) -> Any:
        """The primary key of the user, from the data: a column may have lost it."""
        return owner_of(self.data).user_id

    @property
    def is_anonymous(self) -> bool:
        return SESSION_KEY not in self.data

    def columns(self, model: type[AbstractSession]) -> dict[str, Any]:
        """Return the columns of the row that keeps this session here.

        They record no more of the client than the site's settings allow. A time that the other
        engine did not keep is that of the session's last write, which Django's signature tells.
        """
        data = dict(self.data)
        noted = {column: data.pop(key) for key, column in _CLIENT_KEYS.items() if key in data}
        known = noted | {name: value for name, value in self.known.items() if value}
        client = sanitized_client(known.get("ip"), known.get("user_agent"))
        columns = model.client_columns(client)
        label = _LABEL.fullmatch(known.get("device") or "")
        if label and not client.user_agent and conf.store_user_agent:
            columns |= label.groupdict()
        updated_at = known.get("updated_at") or _signed_at(known.get("session_data", ""))
        seen = known.get("last_activity") or known.get("last_seen_at") or updated_at
        return columns | {
            "session_data": model.get_session_store_class()().encode(data),
            "expire_date": known["expire_date"],
            "created_at": known.get("created_at") or updated_at,
            "authenticated_at": known.get("created_at") or updated_at,
            "updated_at": updated_at,
            "last_activity": max(updated_at, seen),
            **owner_of(data)._asdict(),
        }


def _signed_at(session_data: str) -> datetime:
    """Return when session data was signed: ``django.core.signing`` writes ``data:time:mac``."""
    try:
        _, seconds, _ = session_data.rsplit(":", 2)
        zone = timezone.utc if settings.USE_TZ else None
        return datetime.fromtimestamp(signing.b62_decode(seconds), zone)
    except (ValueError, OverflowError, OSError):
        return now()


# Writing.


class Outcome(Enum):
    """What became of a session; for those that were not moved, the reason."""

    MOVED = "moved"
    HERE = "already here"
    EXPIRED = "expired"
    UNREADABLE = "unreadable (signed with another SECRET_KEY or written by another serializer)"
    OWNERLESS = "the user no longer exists"
    REVOKED = "revoked here (the user signed out everywhere else)"


Counts = Counter[Outcome]


def write(
    legacy: Collection[LegacySession],
    sessions: SessionQuerySet,
    counts: Counts,
    *,
    dry_run: bool = False,
) -> set[Digest]:
    """Insert these sessions here, and update those that were written there since.

    Returns the sessions that the other engine has to delete: those that are here now, and those
    that have been revoked. It runs in the caller's transaction.
    """
    users = _existing_users({session.user_id for session in legacy} - {None}, sessions.db)
    keys = [*(session.digest for session in legacy), *map(Digest.of_refusal, users)]
    here: dict[str, datetime] = dict(sessions.filter(pk__in=keys).values_list("pk", "updated_at"))
    done, new, changed = set(), [], {}
    for session in legacy:
        if not session.is_anonymous and session.user_id not in users:
            counts[Outcome.OWNERLESS] += 1
            continue
        done.add(session.digest)
        if Digest.of_refusal(session.user_id) in here:
            counts[Outcome.REVOKED] += 1
            continue
        columns = session.columns(sessions.model)
        if session.digest not in here:
            new.append(sessions.model(session_key=session.digest, **columns))
        elif here[session.digest] < columns["updated_at"]:
            changed[session.digest] = columns
        else:
            counts[Outcome.HERE] += 1
    counts[Outcome.MOVED] += len(new) + len(changed)
    if not dry_run:
        _insert(new, sessions)
        for digest, columns in changed.items():
            with session_cache().invalidating([digest]):
                sessions.filter(pk=digest).update(**columns)
    return done


def _existing_users(ids: Collection[Any], using: str) -> set[Any]:
    """Return those of these primary keys that there are, locked until the transaction ends.

    The lock makes revoke_legacy_sessions() wait for this transaction, or this one for it.
    """
    if not ids:
        return set()
    no_key = connections[using].features.has_select_for_no_key_update
    users = get_user_model()._base_manager.using(using).select_for_update(no_key=no_key)
    return set(users.filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))


def _insert(rows: list[AbstractSession], sessions: SessionQuerySet) -> None:
    if not sessions.model._meta.parents:
        sessions.bulk_create(rows)
        return
    for row in rows:  # bulk_create() takes no model of two tables
        row.save(force_insert=True, using=sessions.db)


@dataclass(repr=False)
class SessionImporter:
    """Imports sessions from the table of another package.

    ``serializer`` is the dotted path of the one they were written with. ``allauth`` are the rows
    of allauth's usersessions, which have the client of each session. ``copy`` leaves the sessions
    in their table as well; ``dry_run`` only counts.
    """

    source: Source
    sessions: SessionQuerySet
    serializer: str = field(default_factory=lambda: settings.SESSION_SERIALIZER)
    allauth: models.QuerySet[Any] | None = None
    copy: bool = False
    dry_run: bool = False
    counts: Counts = field(default_factory=Counts)
    enriched: int = 0

    def move(self, rows: models.QuerySet[Any]) -> None:
        """Move these rows in one transaction."""
        keeps = self.copy or self.dry_run
        # The other table's transaction, if it is in another database, is committed first.
        with transaction.atomic(self.sessions.db), transaction.atomic(rows.db, savepoint=False):
            found = list(rows) if keeps else _claimed(rows)
            legacy = list(self._read(found))
            moved = write(legacy, self.sessions, self.counts, dry_run=self.dry_run)
            if keeps:
                return
            gone = [row for row in found if Digest.of(row.pk) in moved]
            rows.filter(pk__in=[row.pk for row in gone]).delete()
        _delete_cached(self.source, gone)

    def _read(self, rows: Collection[Any]) -> Iterator[LegacySession]:
        tracked = self._tracked(rows)
        for row in rows:
            data = decoded(row.session_data, self.source.salt, self.serializer)
            if data is None:
                self.counts[Outcome.UNREADABLE] += 1
            else:
                digest = Digest.of(row.pk)
                yield LegacySession(digest, data, tracked.get(digest, {}) | _columns_of(row))

    def _tracked(self, rows: Iterable[Any]) -> dict[Digest, dict[str, Any]]:
        if self.allauth is None:
            return {}
        found = self.allauth.filter(pk__in=[row.pk for row in rows])
        tracked = {Digest.of(row.pk): _columns_of(row) for row in found}
        self.enriched += len(tracked)
        return tracked


def _claimed(rows: models.QuerySet[Any]) -> list[Any]:
    """Lock these rows until the transaction ends and return those that are still there."""
    # An update that changes nothing does that in any database, SQLite included.
    return list(rows) if rows.update(expire_date=models.F("expire_date")) else []


def _delete_cached(source: Source, rows: Iterable[Any]) -> None:
    """Delete sessions from the cache of another package.

    They are never read from there, but would be for weeks if the site went back.
    """
    if source.cache_prefix is None:
        return
    try:
        cache = caches[settings.SESSION_CACHE_ALIAS]
        cache.delete_many([source.cache_prefix + row.pk for row in rows])
    except Exception:
        logger.warning("The legacy engine's cache still holds some sessions.", exc_info=True)


# One session at its next request.


def adopt(store: SessionStore) -> None:
    """Move the session with the key of this store here, if the legacy engine has it.

    Whether it did, or another request was faster, the caller sees by reading the row again. Errors
    are logged: the visitor is anonymous for this request and keeps the session and the cookie.
    """
    if not conf.legacy_engine or not _KEY.fullmatch(store.session_key or ""):
        return
    sessions = _sessions(store.model)
    with _logged("A session could not be adopted.", sessions.db):
        source = source_of(conf.legacy_engine)
        if source is None:
            _adopt_from_store(_legacy_store(store), sessions)
            return
        rows = rows_of(source).filter(pk=store.session_key, expire_date__gt=now())
        if rows.exists():
            importer = SessionImporter(source, sessions)
            with _invalidating(Digest.of(store.session_key or ""), sessions):
                importer.move(rows)
            if importer.counts[Outcome.UNREADABLE]:
                logger.warning("A session in %s is %s.", source.table, Outcome.UNREADABLE.value)


def _adopt_from_store(legacy: Any, sessions: SessionQuerySet) -> None:
    if not legacy.exists(legacy.session_key):
        return
    digest = Digest.of(legacy.session_key)
    try:
        with _invalidating(digest, sessions), transaction.atomic(sessions.db):
            session = _loaded(legacy)
            # While another request adopts it, the insert waits until that one has committed.
            if session is not None and write([session], sessions, Counts()):
                _replace(legacy, sessions.db)
    except UpdateError:
        pass  # it is gone: another request adopted or deleted it
    except IntegrityError:
        # Another request was faster, or the row cannot be inserted.
        if not sessions.filter(pk=digest).exists():
            raise


def _loaded(legacy: Any) -> LegacySession | None:
    digest = Digest.of(legacy.session_key)
    data = legacy.load()
    if legacy.session_key is None or Digest.of(legacy.session_key) != digest:
        # Some engines answer an expired key with a new session.
        legacy.delete()
        return None
    if not data:
        # Empty, or unreadable: a store does not tell. It stays where it is.
        return None
    expire_date = legacy.get_expiry_date(expiry=data.get("_session_expiry"))
    return LegacySession(digest, data, {"expire_date": expire_date})


def _replace(legacy: Any, using: str) -> None:
    """Leave a note in the place of a session, and delete that when our row is committed."""
    store = type(legacy)
    current = store(legacy.session_key).load()
    if not current or _ADOPTED in current:
        raise UpdateError
    legacy.clear()
    legacy[_ADOPTED] = True
    legacy.set_expiry(_NOTE_SECONDS)
    legacy.save()
    # The file engine says nothing of a file that it could not write.
    if _ADOPTED not in store(legacy.session_key).load():
        raise RuntimeError("The legacy engine still has a session that was to be adopted.")
    transaction.on_commit(legacy.delete, using=using, robust=True)


def forget(store: SessionStore) -> None:
    """Delete the session with the key of this store from the legacy engine, if it is there.

    Errors are logged.
    """
    if not conf.legacy_engine or not _KEY.fullmatch(store.session_key or ""):
        return
    with _logged("The legacy engine may still have a session.", router.db_for_write(store.model)):
        source = source_of(conf.legacy_engine)
        if source is None:
            legacy = _legacy_store(store)
            legacy.delete()
            if legacy.exists(store.session_key):
                raise RuntimeError("The legacy engine did not delete a session.")
            return
        rows = rows_of(source)
        rows.filter(pk=store.session_key).delete()
        _delete_cached(source, [rows.model(pk=store.session_key)])


def _legacy_store(store: SessionStore) -> Any:
    return import_module(conf.legacy_engine or "").SessionStore(store.session_key)


def _sessions(model: type[AbstractSession]) -> SessionQuerySet:
    return model.objects.using(router.db_for_write(model))


@contextmanager
def _logged(message: str, using: str) -> Iterator[None]:
    """Log errors instead of raising them; the caller's transaction continues."""
    in_transaction = connections[using].in_atomic_block
    try:
        with transaction.atomic(using) if in_transaction else nullcontext():
            yield
    except SuspiciousOperation:
        pass  # how the file engine refuses a key that is no file name
    except Exception:
        logger.warning(message, exc_info=True)


def _invalidating(digest: Digest, sessions: SessionQuerySet) -> AbstractContextManager[None]:
    """Keep the cache from believing a row that the caller's transaction may roll back."""
    if connections[sessions.db].in_atomic_block:
        return session_cache().invalidating([digest])
    return nullcontext()


# All sessions of a user.


def revoke_legacy_sessions(user: AbstractBaseUser | AnonymousUser) -> None:
    """Revoke the sessions of this user that have not been adopted yet.

    Only their cookies have their keys, so it is recorded of the user: none of the sessions that
    the legacy engine has of them is adopted any more. Call this before revoking those that are
    here, or a request in between adopts one that is missed.
    """
    if not conf.legacy_engine or user.pk is None:
        return
    sessions = _sessions(conf.session_store.get_model_class())
    with transaction.atomic(sessions.db):
        for pk in _existing_users([user.pk], sessions.db):
            expire_date = now() + _LONGEST_COOKIE
            row = sessions.model(session_key=Digest.of_refusal(pk), expire_date=expire_date)
            row.save(using=sessions.db)
