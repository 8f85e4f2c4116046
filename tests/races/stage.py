"""What the actors share, put together: the session of one person, and that of another."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest import mock

from django.contrib.auth import SESSION_KEY
from django.core import signing
from django.utils import timezone

from session_backend.backends.db import SessionStore
from session_backend.conf import Conf
from session_backend.fields import Digest
from tests.browsers import LAPTOP
from tests.races.cache import SteppedCache, servers
from tests.races.clock import clock
from tests.races.database import Database
from tests.races.explorer import performer
from tests.races.witness import Witness

__all__ = ["ALICE", "BOB", "KEY", "OTHER", "Scenery", "Stage"]

timezone_now = timezone.now

# Who is signed in and who has saved, in order; None where nothing is there.
Version = tuple[Any, tuple[int, ...]] | None

KEY, ALICE = "k" * 32, 1
OTHER, BOB = "o" * 32, 2


@dataclass(frozen=True)
class Scenery:
    """How a play begins."""

    # A copy of the session is in the cache.
    warm: bool = False
    # Its last activity is an hour ago, not a moment.
    due: bool = False
    # Its data was written a moment ago, not an hour.
    fresh: bool = False
    # Commands with several keys begin with the last.
    backwards: bool = False
    # Every performer's process has a cache of its own.
    apart: bool = False
    # How far the clocks of the performers' machines are ahead, in seconds.
    ahead: dict[int, float] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = {"warm": self.warm, "cold": not self.warm, "due": self.due, "fresh": self.fresh}
        shown |= {"backwards": self.backwards, "apart": self.apart, "skewed": bool(self.ahead)}
        return "-".join(name for name, value in shown.items() if value)


class Stage:
    """A database, a cache, a clock and a witness, set back before every play."""

    def __init__(self, engine: Any, database: Database, scenery: Scenery) -> None:
        self.engine = engine
        self.model = engine.get_model_class()
        self.keys = [KEY, OTHER]
        # The numbers of the performers that ended a session of Alice's.
        self.ended_by: set[int] = set()
        self.witness = Witness(None)
        self._table = self.model._meta.db_table
        self._sessions = 0
        self._database = database
        self._scenery = scenery
        self._patches = ExitStack()
        self._versions: dict[str, Version] = {}
        self._copies: list[Any] = []

    def __enter__(self) -> Stage:
        patch = self._patches.enter_context
        patch(mock.patch.object(timezone, "now", clock.now))
        for column in self.model._meta.concrete_fields:
            if column.default is timezone_now:
                patch(mock.patch.object(column, "_get_default", clock.now))
        patch(mock.patch.object(signing, "time", mock.Mock(time=lambda: 2e9)))
        patch(mock.patch.object(Conf, "session_store", self.engine))
        for module in ("session_backend.backends.db", "django.contrib.sessions.backends.base"):
            patch(mock.patch(f"{module}.get_random_string", self._new_key))
        patch(mock.patch.object(SteppedCache, "is_backwards", self._scenery.backwards))
        patch(mock.patch.object(servers, "are_apart", self._scenery.apart))
        patch(mock.patch.object(clock, "ahead", self._scenery.ahead))
        clock.restart()
        self._furnish()
        self._database.begin()
        self._database.on_commit = self._committed
        return self

    def __exit__(self, *error: object) -> None:
        self._database.on_commit = lambda: None
        self._database.reset()
        self._patches.close()

    def _furnish(self) -> None:
        self.model.objects.all().delete()
        for key, user in (KEY, ALICE), (OTHER, BOB):
            store = self.visitor(key)
            store._session_cache = {SESSION_KEY: str(user), "log": []}
            store.save(must_create=True)
        if issubclass(self.engine, SessionStore):
            moment, hour = (clock.now() - timedelta(seconds=s) for s in (5, 3600))
            self.model.objects.update(
                last_activity=hour if self._scenery.due else moment,
                updated_at=moment if self._scenery.fresh else hour,
            )
        for server in servers.all:
            server.lose()
        if self._scenery.warm:
            for key in KEY, OTHER:
                self.visitor(key).load()
        self._copies = [servers.all[0].values for _ in servers.all]

    def visitor(self, key: str) -> Any:
        """Return a store as the middleware makes it for a request with this key."""
        store = self.engine(key)
        store.meta = LAPTOP
        return store

    def _new_key(self, *args: object) -> str:
        player = performer()
        if player is None:
            return "m" * 32
        own = sum(key.startswith("abcd"[player.number]) for key in self.keys)
        key = f"{'abcd'[player.number]}{own}".ljust(32, "0")
        self.keys.append(key)
        return key

    # What is seen of it.

    def version(self, key: str) -> Version:
        """Return what the row of a session says, None where it has none."""
        pk = Digest.of(key) if issubclass(self.engine, SessionStore) else key
        for row in self._database.rows[self._table]:
            if row[0] == pk:
                return self._decoded(row[1])
        return None

    def loaded(self, key: str) -> Version:
        """Return what a request with this key finds."""
        return told(self.visitor(key).load())

    def _decoded(self, text: str) -> Version:
        if text not in self._versions:
            self._versions[text] = told(self.engine().decode(text))
        return self._versions[text]

    def sessions_of(self, user: int) -> int:
        """Return how many sessions somebody has."""
        versions = (self._decoded(row[1]) for row in self._database.rows[self._table])
        return sum(version is not None and version[0] == str(user) for version in versions)

    def _committed(self) -> None:
        self.witness.committed(self.version(KEY))
        before, self._sessions = self._sessions, self.sessions_of(ALICE)
        player = performer()
        if self._sessions < before and player is not None:
            self.ended_by.add(player.number)

    # Scene.

    def reset(self) -> None:
        clock.restart()
        self._database.reset()
        for server, values in zip(servers.all, self._copies, strict=True):
            server.values = dict(values)
        self.keys = [KEY, OTHER]
        self.ended_by = set()
        self.witness = Witness(self.version(KEY))
        self._sessions = self.sessions_of(ALICE)

    def state(self) -> Hashable:
        # In which order keys were made says nothing.
        seen = tuple(sorted(self.keys)), tuple(sorted(self.ended_by)), self.witness.state()
        return servers.state(), self._database.state(), seen


def told(data: dict[str, Any]) -> Version:
    """Return the version that a session's data are."""
    return (data.get(SESSION_KEY), tuple(data.get("log", ()))) if data else None
