"""The explorer finds broken engines: Django's ``cached_db``, and ours without one of its rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection, transaction

from session_backend import legacy, models, sql
from session_backend.backends import cached_db, db
from session_backend.backends.cached_db import packed, unpacked
from session_backend.backends.records import SessionRecord
from session_backend.cache import SessionCache, entry_key
from session_backend.history import Ending, Reason, archive
from session_backend.models import SessionQuerySet
from session_backend.signals import announce, session_ended
from session_backend.sql import saved_columns
from session_ui.sessions import SessionList
from tests.races import django_cached_db, django_db
from tests.races.conftest import Explore
from tests.races.invariants import (
    LET_IN,
    LET_IN_LATER,
    LOST,
    MISREMEMBERED,
    MISTOLD,
    RAISED,
    REFUSED,
    SURVIVED,
    UNPROVEN,
    UNTRUE,
)

CACHED, DB = cached_db.SessionStore, db.SessionStore
DJANGO_CACHED, DJANGO_DB = django_cached_db.SessionStore, django_db.SessionStore


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("actors", ["load delete", "save delete", "load delete_commit"])
def test_djangos_cached_db_accepts_revoked_sessions(
    actors: str, warm: bool, explore: Explore
) -> None:
    broken = explore(actors, DJANGO_CACHED, warm=warm).broken
    if actors == "load delete" and warm:
        assert not broken
    else:
        assert broken[LET_IN]
        assert broken[LET_IN_LATER]


@pytest.mark.parametrize("engine", [DJANGO_CACHED, CACHED], ids=["django", "ours"])
def test_load_save_and_revocation(engine: Any, explore: Explore) -> None:
    found = explore("load save delete", engine)
    assert found.schedules > 10_000
    assert found.broken[LET_IN] == (3_822 if engine is DJANGO_CACHED else 0)


@pytest.mark.parametrize("actors", ["save load", "save save"])
def test_djangos_cached_db_loses_writes(actors: str, explore: Explore) -> None:
    assert explore(actors, DJANGO_CACHED).broken[LOST]


@pytest.mark.parametrize("engine", [DJANGO_DB, DB], ids=["django", "ours"])
@pytest.mark.parametrize("actors", ["save load", "save save", "save save save", "save_commit save"])
def test_db_engines_lose_no_write(actors: str, engine: Any, explore: Explore) -> None:
    assert not explore(actors, engine).broken


@pytest.mark.parametrize("engine", [DJANGO_CACHED, CACHED], ids=["django", "ours"])
@pytest.mark.parametrize("actors", ["save delete", "save save", "cycle delete_all_commit"])
def test_merging_finds_the_same(actors: str, engine: Any, explore: Explore) -> None:
    if engine is DJANGO_CACHED and actors.startswith("cycle"):
        pytest.skip("Django's sessions have no user.")
    merged, all_run = explore(actors, engine), explore(actors, engine, merge=False)
    assert merged.endings == all_run.endings
    assert merged.broken == all_run.broken
    assert merged.schedules == all_run.schedules == all_run.runs > merged.runs


# The rules of our engine. To remove one, a method of the engine is replaced.


@contextmanager
def deletes_without_a_marker(self: SessionCache, digests: Any) -> Iterator[None]:
    yield
    self.delete(digests)


@contextmanager
def marks_afterwards(self: SessionCache, digests: Any) -> Iterator[None]:
    yield
    self.invalidate(digests)
    self.delete(digests)


def fills_by_set(self: SessionCache, digest: Any, entry: Any, seconds: int) -> None:
    self.write(digest, entry, seconds)


def writes_and_forgets(self: SessionCache, digest: Any, entry: Any, seconds: int) -> None:
    self._attempt(lambda cache: cache.set(entry_key(digest), entry, seconds))


def marks_and_forgets(self: SessionCache, digests: Any) -> bool:
    entries = {
        f"session_backend:{digest}{end}": None for digest in digests for end in (":revoked", "")
    }
    self._attempt(lambda cache: cache.set_many(entries, 3600))
    return True


def deletes_unless_something_failed(self: SessionCache, digests: Any) -> None:
    self._attempt(lambda cache: cache.delete_many(map(entry_key, digests)))


def lives_for_two_intervals(*args: Any) -> int:
    return 120


def touches_the_cache(self: cached_db.SessionStore) -> None:
    db.SessionStore.touch(self)
    if self._record and self._opened_at:
        self._keep(self._record, self._opened_at)


def keeps_what_others_overwrote(self: cached_db.SessionStore, row: Any, record: Any) -> None:
    db.SessionStore._update(self, row, record)
    self._cache.write(self._digest, packed(record), 60)


def inserts_what_is_gone(self: cached_db.SessionStore, row: Any, record: Any) -> None:
    if not self._row.update(**saved_columns(row)):
        self._insert(row, record)


def reads_without_asking(self: db.SessionStore, signal: Any, **kwargs: Any) -> None:
    if signal.has_listeners(self.model):
        announce(signal, self._row.defer("session_data").get(), self._using, **kwargs)


def announces_what_it_read(
    self: SessionQuerySet, keys: Any, ending: Ending, cache: Any = None
) -> Any:
    sessions = list(self.filter(pk__in=keys))
    with cache.invalidating(keys):
        deleted = self._delete_keys(keys)
    for session in sessions:
        announce(session_ended, session, self.db, reason=ending.reason, by=ending.by)
    return deleted


@contextmanager
def archives_in_a_transaction_of_its_own(self: SessionQuerySet, ending: Ending) -> Iterator[None]:
    with transaction.atomic(self.db):
        archive(self, ending)
    yield


def changes_only_the_key(self: db.SessionStore, row: Any, record: Any) -> None:
    self._change_key({})


def ends_no_idle_session(self: db.SessionStore, now: Any) -> Any:
    record = self._read_row(now)
    return None if record is None or record.is_idle(now) else record


def marks_no_idle_session(self: db.SessionStore, now: Any) -> Any:
    record = self._read_row(now)
    if record is not None and record.is_idle(now):
        idle = self._row.filter(idle_expires_at__lte=now)
        idle._revoke_batch([self._digest], Ending(Reason.EXPIRED.value))
        return ends_no_idle_session(self, now)
    return record


LATE = {"idle": True, "due": True, "ahead": {1: 2}}


def binds_whatever_there_is(self: cached_db.SessionStore, row: Any, record: Any) -> bool:
    with self._cache.invalidating([self._digest]):
        return bool(sql.update(self._rows, row))


def keeps_what_others_saved_over(self: cached_db.SessionStore, row: Any, record: Any) -> bool:
    is_written = db.SessionStore._bind(self, row, record)
    self._cache.write(self._digest, packed(record._replace(binding=row.binding)), 60)
    return is_written


def packs_no_binding(record: SessionRecord) -> Any:
    return packed(record._replace(binding=""))


def refuses_by_the_cache(self: cached_db.SessionStore, now: Any) -> SessionRecord | None:
    entry, is_invalidated = self._cache.read(self._digest)
    cached = unpacked(entry, now)
    if cached is not None and is_invalidated is False:
        return cached
    record = db.SessionStore._read(self, now)
    if record is not None and is_invalidated is False:
        self._fill(record, now)
    return record


BOUND = {"warm": True, "binding": "bound"}
BOUND_AND_DUE = {"binding": "bound", "due": True}

RULES: list[tuple[Any, str, Any, str, str, dict[str, Any]]] = [
    (SessionCache, "invalidating", deletes_without_a_marker, LET_IN, "load delete", {}),
    (SessionCache, "invalidating", deletes_without_a_marker, LET_IN, "save delete", {"warm": True}),
    (
        SessionCache,
        "invalidating",
        marks_afterwards,
        LET_IN,
        "load delete",
        {"warm": True, "mortal": "delete"},
    ),
    (SessionCache, "fill", fills_by_set, LOST, "save load", {}),
    (SessionCache, "write", writes_and_forgets, LOST, "save load", {"warm": True, "full": True}),
    (
        SessionCache,
        "invalidate",
        marks_and_forgets,
        LET_IN,
        "load delete",
        {"warm": True, "full": True},
    ),
    (
        SessionCache,
        "delete",
        deletes_unless_something_failed,
        LOST,
        "save load",
        {"warm": True, "full": True},
    ),
    (cached_db, "lifetime", lives_for_two_intervals, LET_IN_LATER, "save delete", {}),
    (cached_db, "lifetime", lives_for_two_intervals, LET_IN_LATER, "load delete flush_cache", {}),
    (CACHED, "touch", touches_the_cache, LOST, "save touch", {"due": True}),
    (CACHED, "_update", keeps_what_others_overwrote, LOST, "save save", {"warm": True}),
    (CACHED, "_update", inserts_what_is_gone, SURVIVED, "save delete", {}),
    (CACHED, "_is_recent_write", lambda *args: False, LOST, "save save", {}),
    (CACHED, "_is_in_transaction", False, LOST, "save_rollback load", {}),
    (CACHED, "cycle_key", SessionBase.cycle_key, SURVIVED, "cycle delete", {}),
    (CACHED, "_rekey", changes_only_the_key, LOST, "write_and_cycle", {}),
    (
        CACHED,
        "_announce",
        reads_without_asking,
        RAISED,
        "sign_in delete_all_of_user",
        {"anonymous": True, "receivers": True},
    ),
    (
        CACHED,
        "_announce",
        reads_without_asking,
        RAISED,
        "touch delete",
        {"moved": True, "due": True, "receivers": True},
    ),
    (
        SessionQuerySet,
        "_revoke_batch",
        announces_what_it_read,
        MISTOLD,
        "delete delete",
        {"receivers": True},
    ),
    (
        SessionQuerySet,
        "_revoke_batch",
        announces_what_it_read,
        MISTOLD,
        "cycle delete",
        {"receivers": True},
    ),
    (
        SessionQuerySet,
        "_archiving",
        archives_in_a_transaction_of_its_own,
        MISREMEMBERED,
        "cycle revoke_row",
        {},
    ),
    (
        SessionQuerySet,
        "_archiving",
        archives_in_a_transaction_of_its_own,
        UNTRUE,
        "sign_out revoke_row",
        {},
    ),
    (DB, "_read", ends_no_idle_session, REFUSED, "touch come_back_late", LATE),
    (DB, "_read", marks_no_idle_session, LET_IN, "load come_back_late load", LATE),
    (models, "PASSES", 1, SURVIVED, "cycle delete_all_of_user", {}),
    (CACHED, "_bind", binds_whatever_there_is, REFUSED, "refresh refresh load", BOUND),
    (CACHED, "_bind", keeps_what_others_saved_over, LOST, "save refresh", BOUND),
    (CACHED, "_read_again", CACHED._read, REFUSED, "save refresh", BOUND),
    (
        CACHED,
        "_read",
        refuses_by_the_cache,
        LOST,
        "load refresh",
        {"binding": "bound", "due": True},
    ),
    (cached_db, "packed", packs_no_binding, UNPROVEN, "save load", BOUND),
]


@pytest.mark.parametrize(
    ("owner", "name", "replacement", "invariant", "actors", "options"),
    RULES,
    ids=[f"{rule[1]}-{rule[4].replace(' ', '-')}" for rule in RULES],
)
def test_each_rule_is_needed(
    owner: Any,
    name: str,
    replacement: Any,
    invariant: str,
    actors: str,
    options: dict[str, Any],
    explore: Explore,
) -> None:
    assert not explore(actors, CACHED, **options).broken[invariant]
    with mock.patch.object(owner, name, replacement):
        assert explore(actors, CACHED, **options).broken[invariant]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks the database.")
def test_archived_rows_are_locked(explore: Explore) -> None:
    assert not explore("cycle revoke_row", DB).broken
    with mock.patch.object(SessionQuerySet, "select_for_update", SessionQuerySet.all):
        assert explore("cycle revoke_row", DB).broken[MISREMEMBERED]


# Rules of the page and of adoption, each replaced by an earlier version.


def test_revoking_others_by_auth_hash_is_not_enough(explore: Explore) -> None:
    with mock.patch.object(SessionList, "every_session", property(SessionList.get_queryset)):
        found = explore("change_password revoke_others", DB, phone=True)
    assert found.broken[SURVIVED]


def test_deleting_adopted_session_on_commit_is_not_enough(explore: Explore) -> None:
    def delete_on_commit(store: Any, using: str) -> None:
        transaction.on_commit(store.delete, using=using, robust=True)

    with mock.patch.object(legacy, "_replace", delete_on_commit):
        found = explore("load delete", DB, legacy="django.contrib.sessions.backends.cache")
    assert found.broken[SURVIVED]
