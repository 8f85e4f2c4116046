from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone

from session_backend.backends.cached_db import SessionStore, lifetime, packed, unpacked
from session_backend.backends.records import SessionRecord
from session_backend.cache import entry_key, marker_key
from session_backend.client import UNKNOWN, Client
from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE
from tests.session_backend.backends.contract.store import StoreTests
from tests.session_backend.budget import cache_commands, statements
from tests.session_backend.caches import RecordingCache
from tests.session_backend.helpers import age_sessions, login_data, open_store, save_session

if TYPE_CHECKING:
    from pytest_django import Settings

KNOWN = Client(LAPTOP["REMOTE_ADDR"], LAPTOP["HTTP_USER_AGENT"])


class TestCachedDb(StoreTests):
    engine = "session_backend.backends.cached_db"


class TestCachedDbAsync(TestCachedDb):
    is_async = True


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _engine(settings: Settings, recording: type[RecordingCache]) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Freeze the time."""
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    return now


def is_cached(key: str) -> bool:
    return cache.get(entry_key(Digest.of(key))) is not None


def is_invalidated(key: str) -> bool:
    return marker_key(Digest.of(key)) in cache


def delete_entry(key: str) -> None:
    cache.delete(entry_key(Digest.of(key)))


def read_row(store: SessionStore) -> SessionRecord:
    """Read the row of a store, past the cache."""
    record = super(SessionStore, store)._read(timezone.now())
    assert record is not None
    return record


def test_load_from_cache() -> None:
    key = save_session()
    with statements() as sent, cache_commands() as commands:
        assert open_store(key)["colour"] == "blue"
    assert (sent, commands) == ([], ["get_many"])


def test_cached_session_equals_row() -> None:
    key = save_session()
    from_cache, from_row = open_store(key), open_store(key)
    assert dict(from_cache.items()) == {"colour": "blue"}
    cache.clear()
    assert dict(from_row.items()) == {"colour": "blue"}
    # The version of a recently written row is withheld.
    assert from_cache._record._replace(updated_at=None) == from_row._record
    assert from_cache._signed_in_as == from_row._signed_in_as


def test_load_from_row_fills_cache() -> None:
    key = save_session()
    cache.clear()
    assert open_store(key)["colour"] == "blue"
    assert is_cached(key)


def test_fill_does_not_overwrite() -> None:
    key = save_session()
    cache.clear()
    reader = open_store(key)
    record = read_row(reader)
    writer = open_store(key)
    writer["colour"] = "red"
    writer.save()
    reader._fill(record, timezone.now())
    assert open_store(key)["colour"] == "red"


@pytest.mark.usefixtures("now")
def test_timeout_is_activity_interval(recording: type[RecordingCache]) -> None:
    key = save_session()
    cache.clear()
    open_store(key).load()
    timeouts = [call.args[2] for call in recording.calls if call.command in ("set", "add")]
    assert timeouts == [60, 60]


def test_timeout_ends_at_next_touch(recording: type[RecordingCache], now: datetime) -> None:
    key = save_session()
    cache.clear()
    Session.objects.update(last_activity=now - timedelta(seconds=40))
    open_store(key).load()
    assert recording.calls[-1].command == "add"
    assert recording.calls[-1].args[2] == 20


def test_timeout_ends_at_expiry(
    recording: type[RecordingCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    store["colour"] = "blue"
    store.set_expiry(30)
    store.save()
    assert recording.calls[-1].command == "set"
    assert recording.calls[-1].args[2] == 30
    # A cache counts whole seconds, by a clock of its own.
    later = timezone.now() + timedelta(seconds=30)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert is_cached(store.session_key)
    assert open_store(store.session_key).load() == {}


def test_expired_session_not_cached() -> None:
    key = save_session()
    store = open_store(key)
    store.set_expiry(-5)
    store.save()
    assert not is_cached(key)


def test_empty_session_not_cached() -> None:
    store = open_store()
    store.save()
    assert not is_cached(store.session_key)


def test_session_created_in_transaction_not_cached() -> None:
    with transaction.atomic():
        key = save_session()
    assert not is_cached(key)


ZONED, NAIVE = "2126-01-01T00:00:00+00:00", "2126-01-01T00:00:00"


@pytest.mark.parametrize(
    "entry",
    [
        *(None, 1, "text", {"colour": "red"}, (), (1, 2, 3, 4, 5, 6, 7, 8, 9)),
        ({}, "soon", None, "", None, "later", "before", None, ""),
        ({}, ZONED, None, "", None, NAIVE, ZONED, None, ""),
        ({}, ZONED, None, "", None, ZONED, ZONED, NAIVE, ""),
    ],
)
def test_invalid_entry_replaced(entry: object) -> None:
    key = save_session()
    cache.set(entry_key(Digest.of(key)), entry)
    assert open_store(key)["colour"] == "blue"
    assert open_store(key)["colour"] == "blue"
    assert not is_invalidated(key)


def test_invalidated_session_loaded_from_row() -> None:
    key = save_session()
    SessionStore()._cache.invalidate([Digest.of(key)])
    cache.set(entry_key(Digest.of(key)), "stale entry")
    Session.objects.update(session_data=SessionStore().encode({"colour": "green"}))
    for _ in range(2):
        with statements() as sent:
            assert open_store(key)["colour"] == "green"
        assert sent == ["SELECT"]
    delete_entry(key)
    open_store(key).load()
    assert not is_cached(key)


def test_marker_outlives_entries_by_an_hour(recording: type[RecordingCache]) -> None:
    digest = Digest.of(save_session())
    Session.objects.all().revoke()
    (call,) = [call for call in recording.calls if call.command == "set_many"]
    assert call.args == ({marker_key(digest): 1, entry_key(digest): None}, 60 + 3600)


@pytest.mark.usefixtures("no_history")
@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        (1, ["SELECT", "set_many", "DELETE"]),
        (2, ["SELECT", "set_many", "DELETE", "delete_many"]),
    ],
)
def test_revoke_invalidates_before_delete(
    sessions: int, expected: list[str], recording: type[RecordingCache]
) -> None:
    keys = [save_session() for _ in range(sessions)]
    order: list[str] = []

    def record(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        order.extend(call.command for call in recording.calls)
        recording.calls.clear()
        order.append(sql.split()[0])
        return execute(sql, *args)

    recording.calls.clear()
    with connection.execute_wrapper(record):
        Session.objects.all().revoke()
    order.extend(call.command for call in recording.calls)
    assert order == expected
    assert is_invalidated(keys[0])
    assert not is_cached(keys[0])
    assert open_store(keys[0]).load() == {}


def test_cache_write_after_revoke_ignored() -> None:
    key = save_session()
    cache.clear()
    reader = open_store(key)
    record = read_row(reader)
    Session.objects.get(pk=key).revoke()
    reader._fill(record, timezone.now())
    assert not is_cached(key)
    reader._keep(record, timezone.now())
    assert is_cached(key)
    assert open_store(key).load() == {}


def test_background_load_not_cached() -> None:
    key = save_session()
    cache.clear()
    store = open_store(key)
    store.background = True
    assert store["colour"] == "blue"
    assert not is_cached(key)


def test_unknown_session_not_cached(recording: type[RecordingCache]) -> None:
    assert open_store("unknown-key").load() == {}
    assert [call.command for call in recording.calls] == ["get_many"]


def test_cached_session_includes_due_touch() -> None:
    key = save_session()
    age_sessions()
    store = open_store(key)
    store.load()
    assert store.is_touch_due
    assert is_cached(key)
    reader = open_store(key)
    assert reader.load() == {"colour": "blue"}
    assert not reader.is_touch_due


def test_due_touch_not_hidden_without_middleware() -> None:
    key = save_session()
    age_sessions()
    assert SessionStore(key)["colour"] == "blue"
    assert not is_cached(key)


def test_session_without_client_not_cached() -> None:
    store = SessionStore()
    store["colour"] = "blue"
    store.save()
    key = str(store.session_key)
    assert not is_cached(key)
    assert SessionStore(key)["colour"] == "blue"
    assert not is_cached(key)
    reader = open_store(key)
    reader.load()
    assert reader.is_touch_due


def test_activity_interval_of_0_caches_nothing(settings: Settings) -> None:
    settings.SESSION_BACKEND_ACTIVITY_INTERVAL = 0
    key = save_session()
    assert open_store(key)["colour"] == "blue"
    assert not is_cached(key)


def test_save_in_transaction_invalidates() -> None:
    key = save_session()
    writer = open_store(key)
    writer["colour"] = "red"
    with transaction.atomic():
        writer.save()
        assert is_invalidated(key)
    with statements() as sent:
        assert open_store(key)["colour"] == "red"
    assert sent == ["SELECT"]


def test_concurrent_saves_invalidate() -> None:
    key = save_session()
    one, other = open_store(key), open_store(key, PHONE)
    one["colour"], other["colour"] = "red", "green"
    one.save()
    assert not is_invalidated(key)
    with statements() as sent:
        other.save()
    assert sent == ["UPDATE", "UPDATE"]
    assert is_invalidated(key)
    assert open_store(key)["colour"] == "green"


def test_save_after_recent_write_invalidates() -> None:
    # The entry of the first write may reach the cache after that of the second.
    key = save_session()
    cache.clear()
    for source in ("row", "cache"):
        writer = open_store(key)
        writer["colour"] = "red"
        with statements() as sent:
            writer.save()
        assert sent == ["UPDATE"], source
        assert is_invalidated(key), source
        assert open_store(key)["colour"] == "red", source
        cache.delete(marker_key(Digest.of(key)))


def test_save_after_interval_is_cached() -> None:
    key = save_session()
    Session.objects.update(updated_at=timezone.now() - timedelta(seconds=61))
    cache.clear()
    writer = open_store(key)
    writer["colour"] = "red"
    with statements() as sent:
        writer.save()
    assert sent == ["UPDATE"]
    assert not is_invalidated(key)
    assert is_cached(key)


def test_cycle_key_invalidates_old_key() -> None:
    key = save_session()
    open_store(key).cycle_key()
    assert is_invalidated(key)
    assert not is_cached(key)


def test_delete_user_invalidates(alice: Any) -> None:
    store = open_store()
    store.update(login_data(alice))
    store.save()
    entry = cache.get(entry_key(Digest.of(store.session_key)))
    alice.delete()
    assert is_invalidated(store.session_key)
    cache.set(entry_key(Digest.of(store.session_key)), entry)
    assert open_store(store.session_key).load() == {}


def make_record(
    now: datetime, *, client: Client = KNOWN, age: float = 0, expires_in: float = 1000
) -> SessionRecord:
    last_activity, expire_date = now - timedelta(seconds=age), now + timedelta(seconds=expires_in)
    return SessionRecord({"a": 1}, last_activity, *client, now, expire_date, now, None)


@pytest.mark.parametrize(
    ("columns", "seconds"),
    [
        ({}, 60),
        ({"age": 59.5}, 1),
        ({"age": 60}, 0),
        ({"age": 61}, -1),
        ({"age": -30}, 60),
        ({"expires_in": 7}, 7),
        ({"expires_in": 0}, 0),
        ({"client": UNKNOWN}, 0),
    ],
)
def test_lifetime(columns: dict[str, Any], seconds: int, now: datetime) -> None:
    assert lifetime(make_record(now, **columns), now) == seconds


def test_pack_and_unpack(now: datetime) -> None:
    record = make_record(now)
    assert {type(value) for value in packed(record)} <= {dict, str, type(None)}
    for one in (
        record,
        make_record(now, client=UNKNOWN),
        record._replace(updated_at=None),
        record._replace(idle_expires_at=now),
    ):
        assert unpacked(packed(one), now) == one
