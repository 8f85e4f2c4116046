from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone

from session_backend.activity import Activity
from session_backend.backends.cached_db import SessionStore, lifetime, packed, unpacked
from session_backend.backends.copies import data_key, marker_key
from session_backend.backends.db import Opened
from session_backend.client import UNKNOWN, Client
from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, make_user
from tests.session_backend.backends.behaviours.base import signed_in
from tests.session_backend.backends.contract import StoreContract
from tests.session_backend.budget import cache_commands, statements
from tests.session_backend.caches import RecordingCache

if TYPE_CHECKING:
    from pytest_django import Settings

AT_DESK = Client(LAPTOP["REMOTE_ADDR"], LAPTOP["HTTP_USER_AGENT"])


class TestCachedDb(StoreContract):
    engine = "session_backend.backends.cached_db"


class TestCachedDbAsync(TestCachedDb):
    asynchronous = True


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _cached(settings: Settings, recording: type[RecordingCache]) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Let no time pass, and return what time it is."""
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    return now


def used(key: str | None = None, device: dict[str, str] = LAPTOP) -> SessionStore:
    """Return a store as the middleware makes it."""
    store = SessionStore(key)
    store.meta = device
    return store


def saved() -> tuple[str, Digest]:
    store = used()
    store["colour"] = "blue"
    store.save()
    assert store.session_key is not None
    return store.session_key, Digest.of(store.session_key)


def has_copy(digest: Digest) -> bool:
    return cache.get(data_key(digest)) is not None


def is_marked(digest: Digest) -> bool:
    return marker_key(digest) in cache


def an_hour_ago(digest: Digest) -> None:
    """Let the last activity be long ago, and the copy have gone with the interval."""
    past = timezone.now() - timedelta(hours=1)
    Session.objects.filter(pk=digest).update(last_activity=past)
    cache.delete(data_key(digest))


def test_a_copy_is_read_and_no_row() -> None:
    key, _ = saved()
    with statements() as sent, cache_commands() as commands:
        assert used(key)["colour"] == "blue"
    assert (sent, commands) == ([], ["get_many"])


def test_a_copy_knows_all_that_a_row_does() -> None:
    key, _digest = saved()
    from_copy, from_row = used(key), used(key)
    assert dict(from_copy.items()) == {"colour": "blue"}
    cache.clear()
    assert dict(from_row.items()) == {"colour": "blue"}
    assert from_copy._activity == from_row._activity
    assert from_copy._signed_in_as == from_row._signed_in_as


def test_a_read_row_is_copied() -> None:
    key, digest = saved()
    cache.clear()
    assert used(key)["colour"] == "blue"
    assert has_copy(digest)


def test_what_fills_the_cache_overwrites_nothing() -> None:
    key, _digest = saved()
    cache.clear()
    late = used(key)
    opened = super(SessionStore, late)._open(timezone.now())
    assert opened is not None
    writer = used(key)
    writer["colour"] = "red"
    writer.save()
    late._fill(opened, timezone.now())
    assert used(key)["colour"] == "red"


@pytest.mark.usefixtures("frozen")
def test_a_copy_lives_no_longer_than_the_interval(recording: type[RecordingCache]) -> None:
    key, _ = saved()
    cache.clear()
    used(key).load()
    lifetimes = [call.args[2] for call in recording.calls if call.command in ("set", "add")]
    assert lifetimes == [60, 60]


def test_a_copy_does_not_outlive_the_next_stamp(
    recording: type[RecordingCache], frozen: datetime
) -> None:
    key, _digest = saved()
    cache.clear()
    Session.objects.update(last_activity=frozen - timedelta(seconds=40))
    used(key).load()
    assert recording.calls[-1].command == "add"
    assert recording.calls[-1].args[2] == 20


def test_a_copy_does_not_outlive_the_session(recording: type[RecordingCache]) -> None:
    store = used()
    store["colour"] = "blue"
    store.set_expiry(5)
    store.save()
    assert recording.calls[-1].command == "set"
    assert recording.calls[-1].args[2] == 5


def test_a_copy_is_not_believed_past_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    # A cache counts in whole seconds, and by a clock of its own.
    store = used()
    store["colour"] = "blue"
    store.set_expiry(30)
    store.save()
    assert store.session_key is not None
    later = timezone.now() + timedelta(seconds=30)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert has_copy(Digest.of(store.session_key))
    assert used(store.session_key).load() == {}


def test_a_session_that_has_expired_is_not_copied() -> None:
    key, digest = saved()
    store = used(key)
    store.set_expiry(-5)
    store.save()
    assert not has_copy(digest)


@pytest.mark.parametrize(
    "junk",
    [
        *(None, 1, "text", {"colour": "red"}, (), (1, 2, 3, 4, 5, 6)),
        ({}, "soon", None, "", None, "later"),
        ({}, "2026-01-01T00:00:00+00:00", None, "", None, "2126-01-01T00:00:00"),
    ],
)
def test_a_copy_that_is_none_is_dropped_and_the_row_is_read(junk: object) -> None:
    key, digest = saved()
    cache.set(data_key(digest), junk)
    assert used(key)["colour"] == "blue"
    assert used(key)["colour"] == "blue"
    assert not is_marked(digest)


def test_a_marker_sends_readers_to_the_row_and_keeps_them_from_copying() -> None:
    key, digest = saved()
    SessionStore()._copies.mark([digest])
    cache.set(data_key(digest), "whatever")
    Session.objects.update(session_data=SessionStore().encode({"colour": "green"}))
    for _ in range(2):
        with statements() as sent:
            assert used(key)["colour"] == "green"
        assert sent == ["SELECT"]
    cache.delete(data_key(digest))
    used(key).load()
    assert not has_copy(digest)


def test_a_marker_outlives_every_copy_by_an_hour(recording: type[RecordingCache]) -> None:
    _, digest = saved()
    Session.objects.all().end()
    (marking,) = [call for call in recording.calls if call.command == "set_many"]
    assert marking.args == ({marker_key(digest): 1, data_key(digest): None}, 60 + 3600)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (0, ["SELECT", "set_many", "DELETE"]),
        (1, ["SELECT", "set_many", "DELETE", "delete_many"]),
    ],
)
def test_a_revocation_marks_first_and_leaves_no_copy(
    others: int, expected: list[str], recording: type[RecordingCache]
) -> None:
    key, digest = saved()
    for _ in range(others):
        saved()
    order: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        order.extend(call.command for call in recording.calls)
        recording.calls.clear()
        order.append(sql.split()[0])
        return execute(sql, *args)

    recording.calls.clear()
    with connection.execute_wrapper(note):
        Session.objects.all().end()
    order.extend(call.command for call in recording.calls)
    assert order == expected
    assert is_marked(digest)
    assert not has_copy(digest)
    assert used(key).load() == {}


def test_a_copy_that_comes_after_a_revocation_is_not_believed() -> None:
    key, digest = saved()
    cache.clear()
    reader = used(key)
    opened = super(SessionStore, reader)._open(timezone.now())
    assert opened is not None
    Session.objects.get(pk=digest).end()
    reader._fill(opened, timezone.now())
    assert not has_copy(digest)
    reader._keep(opened, timezone.now())
    assert has_copy(digest)
    assert used(key).load() == {}


def test_a_silent_read_copies_nothing() -> None:
    key, digest = saved()
    cache.clear()
    store = used(key)
    store.silent = True
    assert store["colour"] == "blue"
    assert not has_copy(digest)


def test_an_unknown_session_is_not_copied(recording: type[RecordingCache]) -> None:
    assert used("a-key-nobody-has").load() == {}
    assert [call.command for call in recording.calls] == ["get_many"]


def test_a_stamp_that_is_due_is_in_the_copy_of_who_makes_it() -> None:
    key, digest = saved()
    an_hour_ago(digest)
    store = used(key)
    store.load()
    assert store.is_stamp_due
    assert has_copy(digest)
    reader = used(key)
    assert reader.load() == {"colour": "blue"}
    assert not reader.is_stamp_due


def test_a_stamp_that_is_due_is_not_hidden_by_who_makes_none() -> None:
    key, digest = saved()
    an_hour_ago(digest)
    # No middleware: whoever opened it here does not stamp it.
    assert SessionStore(key)["colour"] == "blue"
    assert not has_copy(digest)


def test_a_session_without_a_client_is_not_copied() -> None:
    store = SessionStore()
    store["colour"] = "blue"
    store.save()
    assert store.session_key is not None
    digest = Digest.of(store.session_key)
    assert not has_copy(digest)
    assert SessionStore(store.session_key)["colour"] == "blue"
    assert not has_copy(digest)
    # The next who has one is due at once.
    reader = used(store.session_key)
    reader.load()
    assert reader.is_stamp_due


def test_an_interval_of_0_copies_nothing(settings: Settings) -> None:
    settings.SESSION_BACKEND_ACTIVITY_INTERVAL = 0
    key, digest = saved()
    assert used(key)["colour"] == "blue"
    assert not has_copy(digest)


def test_a_write_in_a_transaction_is_marked_and_not_copied() -> None:
    key, digest = saved()
    writer = used(key)
    writer["colour"] = "red"
    with transaction.atomic():
        writer.save()
        assert is_marked(digest)
    with statements() as sent:
        assert used(key)["colour"] == "red"
    assert sent == ["SELECT"]


def test_a_session_that_is_made_in_a_transaction_is_not_copied() -> None:
    with transaction.atomic():
        _, digest = saved()
    assert not has_copy(digest)


def test_a_session_that_is_made_without_data_is_not_copied() -> None:
    store = used()
    store.save()
    assert store.session_key is not None
    assert not has_copy(Digest.of(store.session_key))


def test_of_two_that_write_at_once_no_copy_is_believed() -> None:
    key, digest = saved()
    one, other = used(key), used(key, PHONE)
    one["colour"], other["colour"] = "red", "green"
    one.save()
    assert not is_marked(digest)
    with statements() as sent:
        other.save()
    assert sent == ["UPDATE", "UPDATE"]
    assert is_marked(digest)
    assert used(key)["colour"] == "green"


def test_who_reads_a_row_that_was_just_written_marks_the_next_write() -> None:
    # The copy of the first write may be late, and would go over that of the second.
    key, digest = saved()
    cache.clear()
    for step in ("from the row", "from the copy"):
        writer = used(key)
        writer["colour"] = "red"
        with statements() as sent:
            writer.save()
        assert sent == ["UPDATE"], step
        assert is_marked(digest), step
        assert used(key)["colour"] == "red", step
        cache.delete(marker_key(digest))


def test_who_reads_a_row_that_has_settled_does_not() -> None:
    key, digest = saved()
    Session.objects.update(updated_at=timezone.now() - timedelta(seconds=61))
    cache.clear()
    writer = used(key)
    writer["colour"] = "red"
    with statements() as sent:
        writer.save()
    assert sent == ["UPDATE"]
    assert not is_marked(digest)
    assert has_copy(digest)


def test_a_cycle_marks_the_old_key() -> None:
    key, digest = saved()
    store = used(key)
    store.cycle_key()
    assert is_marked(digest)
    assert not has_copy(digest)


def test_deleting_a_user_marks_the_sessions() -> None:
    user = make_user("alice")
    store = used()
    store.update(signed_in(user))
    store.save()
    assert store.session_key is not None
    copy = cache.get(data_key(Digest.of(store.session_key)))
    user.delete()
    assert is_marked(Digest.of(store.session_key))
    cache.set(data_key(Digest.of(store.session_key)), copy)
    assert used(store.session_key).load() == {}


def opened(
    *, client: Client = AT_DESK, seen: float = 0, expires: float = 1000
) -> tuple[Opened, datetime]:
    now = timezone.now()
    activity = Activity(now - timedelta(seconds=seen), client)
    return Opened({"a": 1}, activity, now, now + timedelta(seconds=expires)), now


@pytest.mark.parametrize(
    ("session", "seconds"),
    [
        ({}, 60),
        ({"seen": 59.5}, 1),
        ({"seen": 60}, 0),
        ({"seen": 61}, -1),
        ({"seen": -30}, 60),
        ({"expires": 7}, 7),
        ({"expires": 0}, 0),
        ({"client": UNKNOWN}, 0),
    ],
)
def test_the_lifetime_of_a_copy(session: dict[str, Any], seconds: int) -> None:
    assert lifetime(*opened(**session)) == seconds


def test_what_is_packed_is_plain_and_unpacked() -> None:
    session, now = opened()
    assert {type(value) for value in packed(session)} <= {dict, str, type(None)}
    assert unpacked(packed(session), now) == session
    for other in (opened(client=UNKNOWN)[0], session._replace(updated_at=None)):
        assert unpacked(packed(other), now) == other
