"""The site on which actors race: sessions of two users, a database, a cache and a clock."""

from __future__ import annotations

import logging
import pickle
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any
from unittest.mock import Mock, patch
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.core import signing
from django.utils import timezone

from session_backend import cache, legacy
from session_backend.backends.db import SessionStore
from session_backend.binding import state
from session_backend.binding.state import LIFETIME, Binding
from session_backend.conf import Conf
from session_backend.fields import Digest
from session_backend.models import PastSession, Session
from session_backend.signals import session_ended, session_moved, session_started
from tests import browsers
from tests.races.cache import clock, server
from tests.races.database import Database
from tests.races.django_db import PlainSession
from tests.races.explorer import actor
from tests.races.history import History
from tests.session_backend.binding.browser import Key

__all__ = [
    "ALICE",
    "BACKEND",
    "BOB",
    "CHALLENGE",
    "DEVICE_KEY",
    "LAPTOP",
    "PHONE",
    "TABLET",
    "Site",
    "Start",
]

ALICE, BOB = 1, 2
# The keys of the sessions with which a run can start; also what those sessions are called.
LAPTOP, PHONE, TABLET = (name.ljust(32, "-") for name in ("laptop", "phone", "tablet"))
USERS = {LAPTOP: ALICE, PHONE: ALICE, TABLET: BOB}
PUBLIC_IDS = {UUID(int=number): name for number, name in enumerate(USERS)}
BACKEND = "django.contrib.auth.backends.ModelBackend"
# The key of the laptop, what it is to sign at the start, and its bound cookie.
DEVICE_KEY = Key()
CHALLENGE, BOUND_COOKIE = "challenge", "bound"

timezone_now = timezone.now
# The name of the session, its user, and which actors wrote into it; None where it is gone.
Version = tuple[str, Any, tuple[int, ...]] | None


@dataclass(frozen=True)
class Start:
    """How every run starts."""

    # The sessions are in the cache.
    warm: bool = False
    # The last activity was an hour ago, not a moment.
    due: bool = False
    # The data was written a moment ago, not an hour.
    fresh: bool = False
    # Alice uses her laptop in another place, and with another browser, than before.
    moved: bool = False
    # Alice has a phone as well.
    phone: bool = False
    # Nobody has signed in on the laptop.
    anonymous: bool = False
    # The laptop's session times out a second after the start, and half an hour after it is used.
    idle: bool = False
    # How many sessions a user may have.
    limit: int | None = None
    # The laptop's session is still in this engine, the SESSION_BACKEND_LEGACY_ENGINE.
    legacy: str | None = None
    # The laptop's session is "offered" a binding to its device, or is "bound".
    binding: str = ""
    # What ends is kept.
    history: bool = True
    # Receivers of our signals are connected.
    receivers: bool = False
    # The cache refuses to write.
    full: bool = False
    # Commands with several keys begin with the last.
    backwards: bool = False
    # For how many seconds a process that saw the cache fail passes it by.
    pause: float = 0
    # How far the clocks of the actors' machines are ahead, in seconds.
    ahead: Mapping[int, float] = field(default_factory=dict)


class Site:
    """What the actors share."""

    # The names and users of the sessions, and of those that have a row.
    _alive: tuple[dict[str, Any], dict[str, Any]]

    def __init__(self, database: Database) -> None:
        self.connect, self.disconnect = database.connect, database.disconnect
        self.is_waiting, self.observe = database.is_waiting, database.observe
        self._database = database
        self._decoded: dict[tuple[str, str], Version] = {}

    @contextmanager
    def starting(self, engine: Any, start: Start) -> Iterator[None]:
        """Prepare the start of every run."""
        self.engine, self.start, self.model = engine, start, engine.get_model_class()
        self.is_ours = issubclass(engine, SessionStore)
        self.sessions = [key for key in USERS if start.phone or key != PHONE]
        with ExitStack() as stack:
            for target, name, value in [
                (timezone, "now", clock.now),
                (signing, "time", Mock(time=lambda: 2e9)),
                (import_module("session_backend.backends.db"), "get_random_string", self._new_key),
                (
                    import_module("django.contrib.sessions.backends.base"),
                    "get_random_string",
                    self._new_key,
                ),
                (Conf, "session_store", engine),
                (Conf, "legacy_engine", start.legacy),
                (legacy, "source_of", source_of),
                (Conf, "history_days", 30 * start.history),
                (Conf, "idle_timeout", 1800 if start.idle else None),
                (Conf, "max_sessions", start.limit),
                (Conf, "binding", "offer" if start.binding else "off"),
                (state, "get_random_string", self._new_token),
                # It would hold random text.
                (Conf, "device_cookie", None),
                (cache.CircuitBreaker, "PAUSE", start.pause),
                # Each failure of the cache is logged with its traceback.
                (logging.getLogger("session_backend"), "disabled", True),
                (clock, "ahead", start.ahead),
                (server, "is_full", False),
                (server, "is_backwards", start.backwards),
                (server, "on_step", self._notice if start.legacy else server.on_step),
                (self._database, "on_change", self._notice),
            ]:
                stack.enter_context(patch.object(target, name, value))
            defaults = {timezone_now: clock.now, uuid4: self._new_id}
            for column in self.model._meta.concrete_fields:
                if default := defaults.get(column.default):
                    stack.enter_context(patch.object(column, "_get_default", default))
            for signal in session_started, session_moved, session_ended:
                if start.receivers:
                    signal.connect(self._receive)
                    stack.callback(signal.disconnect, self._receive)
            self._create_sessions()
            self._entries = server.entries
            self._database.keep()
            stack.callback(self._database.reset)
            yield

    def _create_sessions(self) -> None:
        clock.passed = 0
        # When those sessions expire.
        self.expire_date = clock.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
        for model in PlainSession, Session, PastSession:
            model.objects.all().delete()
        self.keys = self.sessions
        self.bound_cookie = BOUND_COOKIE if self.start.binding == "bound" else ""
        ours = [key for key in self.sessions if key != LAPTOP or not self.start.legacy]
        for key in ours:
            self._create(self.engine(key), key)
            if self.is_ours:
                rows, ago = self.model.objects.filter(pk=key), timedelta(hours=1)
                moment = clock.now() - timedelta(seconds=5)
                rows.update(
                    public_id=UUID(int=list(USERS).index(key)),
                    last_activity=moment - ago * self.start.due,
                    updated_at=moment - ago * (not self.start.fresh),
                )
                if self.start.idle and key == LAPTOP:
                    rows.update(idle_expires_at=clock.now() + timedelta(seconds=1))
                if key == LAPTOP and self.start.binding:
                    rows.update(binding=str(self._binding(moment.timestamp())))
        server.lose()
        if self.start.legacy:
            self._create(self._legacy_store(LAPTOP), LAPTOP)
            # The first adoption of a process looks at the tables.
            self.visitor("nobody".ljust(32, "-")).load()
        for key in ours if self.start.warm else ():
            self.visitor(key).load()

    def _create(self, store: Any, key: str) -> None:
        user = get_user_model().objects.get(pk=USERS[key])
        store.request = browsers.make_request(browsers.LAPTOP)
        store._session_cache = {"name": key, "log": []}
        if key != LAPTOP or not self.start.anonymous:
            store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(user.pk), BACKEND
            store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        store.save(must_create=True)

    def _binding(self, now: float) -> Binding:
        """Return the binding with which the laptop's session starts."""
        offered = Binding("laptop", challenge=CHALLENGE, challenged_at=now)
        if self.start.binding == "offered":
            return offered
        cookies = [[Digest.of(BOUND_COOKIE), now + LIFETIME]]
        return offered._replace(key=DEVICE_KEY.jwk, cookies=cookies)

    def visitor(self, key: str | None = None) -> Any:
        """Return a store as the middleware makes it for a request with this key."""
        store = self.engine(key)
        meta = browsers.PHONE if self.start.moved and actor() else browsers.LAPTOP
        store.request = browsers.make_request(meta)
        self.give_cookie(store)
        return store

    def give_cookie(self, store: Any) -> None:
        """Add the bound cookie, as the laptop's browser has it now, to a request."""
        if self.start.binding:
            store.request.COOKIES = {state.cookie_name(): self.bound_cookie}
            if worker := actor():
                # What the actor does next depends on it.
                worker.answers.append(self.bound_cookie)

    def version(self, data: dict[str, Any]) -> Version:
        """Return the version that this session data is."""
        return (data["name"], data.get(SESSION_KEY), tuple(data["log"])) if "name" in data else None

    def versions(self) -> dict[str, Version]:
        """Return what each key should find: what its row says, here or in the legacy engine."""
        versions = self._rows()
        if self.start.legacy:
            versions |= {k: self._legacy_version(k) for k in self.keys if versions[k] is None}
        return versions

    def alive(self) -> set[str]:
        """Return the names of the sessions that there are, under whatever key."""
        return set(users(self.versions()))

    def of_alice(self) -> list[Any]:
        """Return the keys of Alice's rows."""
        rows = self._database.values(self.model, "session_key", "user_id")
        return [key for key, user in rows if user is not None and int(user) == ALICE]

    def past(self) -> list[tuple[str, str]]:
        """Return the names of the sessions in the history, and why they ended."""
        past = self._database.values(PastSession, "public_id", "reason")
        return [(self._name(UUID(str(public_id))), reason) for public_id, reason in past]

    def past_expected(self) -> set[str]:
        """Return the names of the sessions that should be in the history."""
        if not (self.is_ours and self.start.history):
            return set()
        there = {pk for (pk,) in self._database.values(get_user_model(), "id")}
        return {name for name, _, user in self.ended_rows if user and int(user) in there}

    def _name(self, public_id: UUID) -> str:
        # An adopted session has a new one.
        return PUBLIC_IDS.get(public_id, LAPTOP if self.start.legacy else "a new session")

    def _rows(self) -> dict[str, Version]:
        rows = self._database.values(self.model, "session_key", "session_data")
        found = {key: self._version_of(self.engine(), data) for key, data in rows}
        return {key: found.get(Digest.of(key) if self.is_ours else key) for key in self.keys}

    def _legacy_store(self, key: str) -> Any:
        return import_module(str(self.start.legacy)).SessionStore(key)

    def _legacy_version(self, key: str) -> Version:
        store = self._legacy_store(key)
        if not hasattr(store, "model"):
            entry = server.entries.get(store._cache.make_key(store.cache_key))
            return self.version(pickle.loads(entry[0])) if entry else None
        rows = self._database.values(store.model, "session_key", "session_data")
        return next((self._version_of(store, data) for pk, data in rows if pk == key), None)

    def _version_of(self, store: Any, text: str) -> Version:
        if (store.key_salt, text) not in self._decoded:
            self._decoded[store.key_salt, text] = self.version(store.decode(text))
        return self._decoded[store.key_salt, text]

    def _new_key(self, *args: object) -> str:
        worker = actor()
        if worker is None:
            return "new".ljust(32, "-")
        own = sum(key.startswith(f"new-{worker.number}") for key in self.keys)
        key = f"new-{worker.number}-{own}".ljust(32, "-")
        self.keys = [*self.keys, key]
        return key

    def _new_token(self, length: int) -> str:
        worker = actor()
        assert worker is not None
        self.tokens[worker.number] += 1
        return f"token-{worker.number}-{self.tokens[worker.number]}"

    def _new_id(self) -> UUID:
        worker = actor()
        return UUID(int=100 + worker.number if worker else 99)

    def _notice(self) -> None:
        """Note what a step of an actor has changed."""
        if worker := actor():
            self.history.observe(self.versions())
            alive = users(self.versions()), users(self._rows())
            for before, after in zip(self._alive, alive, strict=True):
                ended = {(name, worker.number, before[name]) for name in set(before) - set(after)}
                self.ended_by |= {(name, number) for name, number, _ in ended}
            self.ended_rows |= ended
            self._alive = alive

    def _receive(self, signal: Any, session: Any, **kwargs: Any) -> None:
        if signal is session_ended:
            self.announced[self._name(session.public_id)] += 1

    # A world to explore.

    def reset(self) -> None:
        clock.passed = 0
        self._database.reset()
        server.entries = dict(self._entries)
        server.is_full = self.start.full
        cache.circuit_breaker = cache.CircuitBreaker()
        self.keys = self.sessions
        # The bound cookie that the laptop's browser has, and how many tokens each actor made.
        self.bound_cookie = BOUND_COOKIE if self.start.binding == "bound" else ""
        self.tokens = Counter[int]()
        # Which actors ended a session, and how often that was announced.
        self.ended_by: set[tuple[str, int]] = set()
        # Whose row was deleted, by which actor, and its user then.
        self.ended_rows: set[tuple[str, int, Any]] = set()
        self.announced = Counter[str]()
        self.history = History(self.versions())
        self._alive = users(self.versions()), users(self._rows())

    def state(self) -> Hashable:
        # The order in which keys were made, or entries, makes no difference.
        entries = frozenset(server.entries.items()), cache.circuit_breaker.is_open
        seen = frozenset(self.keys), frozenset(self.ended_by), frozenset(self.announced.items())
        ended = frozenset(self.ended_rows)
        cookie = self.bound_cookie
        return entries, self._database.state(), seen, ended, cookie, self.history.state()


def source_of(engine: str) -> legacy.Source | None:
    """Return the table of an engine, as of one of those whose tables are read directly."""
    store = import_module(engine).SessionStore()
    if not hasattr(store, "get_model_class"):
        return None
    prefix = getattr(store, "cache_key_prefix", None)
    return legacy.Source("races", PlainSession._meta.db_table, store.key_salt, prefix)


def users(versions: dict[str, Version]) -> dict[str, Any]:
    """Return the users of the sessions by their names."""
    return {version[0]: version[1] for version in versions.values() if version}
