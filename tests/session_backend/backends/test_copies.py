"""A cache that fails is a slower answer and never a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache

from session_backend.backends import copies
from session_backend.backends.cached_db import SessionStore
from session_backend.backends.copies import Copies, data_key, marker_key
from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import LAPTOP
from tests.session_backend.budget import cache_commands, statements
from tests.session_backend.caches import RecordingCache

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

DIGEST = Digest.of("a-key-nobody-has")


@pytest.fixture(autouse=True)
def _cached(settings: Settings, recording: type[RecordingCache]) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(copies, "monotonic", lambda: clock.now)
    return clock


class Clock:
    now = 1000.0


@pytest.fixture
def down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecordingCache, "is_down", True)


def store(key: str | None = None) -> SessionStore:
    store = SessionStore(key)
    store.meta = LAPTOP
    return store


def saved() -> str:
    new = store()
    new["colour"] = "blue"
    new.save()
    assert new.session_key is not None
    return new.session_key


@pytest.mark.usefixtures("down")
def test_without_the_cache_sessions_are_served_by_the_database() -> None:
    key = saved()
    reader = store(key)
    assert reader["colour"] == "blue"
    reader["colour"] = "red"
    reader.save()
    reader.cycle_key()
    assert reader.session_key is not None
    assert store(reader.session_key)["colour"] == "red"
    Session.objects.get(pk=reader.session_key).end()
    assert store(reader.session_key).load() == {}


def test_a_session_survives_an_outage(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    key = saved()
    monkeypatch.setattr(RecordingCache, "is_down", True)
    assert store(key)["colour"] == "blue"
    monkeypatch.setattr(RecordingCache, "is_down", False)
    clock.now += 10
    assert store(key)["colour"] == "blue"


@pytest.mark.usefixtures("down")
def test_one_request_asks_a_broken_cache_once() -> None:
    reader = store("a-key-nobody-has")
    with cache_commands() as commands:
        reader.load()
        reader["colour"] = "red"
        reader.save()
        reader.save()
    assert commands == ["get_many"]


@pytest.mark.usefixtures("down")
def test_loads_leave_a_broken_cache_alone_for_a_second(clock: Clock) -> None:
    key = saved()
    with cache_commands() as within_a_second:
        assert store(key)["colour"] == "blue"
    assert within_a_second == []
    clock.now += 1
    with cache_commands() as later:
        assert store(key)["colour"] == "blue"
    assert later == ["get_many"]


def test_within_that_second_no_copy_is_made(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    key = saved()
    cache.clear()
    monkeypatch.setattr(RecordingCache, "is_down", True)
    store(key).load()
    monkeypatch.setattr(RecordingCache, "is_down", False)
    with cache_commands() as commands, statements() as sent:
        assert store(key)["colour"] == "blue"
    assert (commands, sent) == ([], ["SELECT"])


@pytest.mark.usefixtures("down", "clock")
def test_saves_and_revocations_always_try() -> None:
    key = saved()
    with cache_commands() as commands:
        writer = store(key)
        writer["colour"] = "red"
        writer.save()
        Session.objects.get(pk=key).end()
    # The save marks: whose copy comes last cannot be known of a row that was just written.
    assert commands == ["set_many", "set_many"]


@pytest.mark.usefixtures("down")
def test_an_outage_is_logged_once_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        saved()
        clock.now += 10
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("session_backend", "WARNING")
    assert "cache failed" in record.getMessage()
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the cache is down"
    clock.now += 60
    saved()
    assert len(caplog.records) == 2


def test_a_cache_that_says_nothing_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    key = saved()
    monkeypatch.setattr(RecordingCache, "get_many", lambda *args: None)
    assert store(key)["colour"] == "blue"


def test_data_that_the_cache_cannot_hold_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise ValueError("object too large for cache")

    monkeypatch.setattr(RecordingCache, "set", refuse)
    key = saved()
    assert store(key)["colour"] == "blue"


def test_the_alias_of_the_setting_is_used(settings: Settings) -> None:
    dummy = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    settings.CACHES = {"default": dummy, "sessions": settings.CACHES["default"]}
    settings.SESSION_CACHE_ALIAS = "sessions"
    with cache_commands() as commands:
        saved()
    assert commands == ["set"]


def test_an_alias_that_is_missing_is_no_error(settings: Settings) -> None:
    settings.SESSION_CACHE_ALIAS = "none-of-that-name"
    assert store(saved())["colour"] == "blue"


def test_a_copy_and_its_marker_have_keys_of_their_own() -> None:
    assert data_key(DIGEST) == f"session_backend:{DIGEST}"
    assert marker_key(DIGEST) == f"session_backend:{DIGEST}:revoked"
    Copies().mark([DIGEST])
    Copies().write(DIGEST, "copy", 60)
    assert Copies().read(DIGEST) == ("copy", True)


def test_marking_one_empties_its_copy() -> None:
    Copies().write(DIGEST, "copy", 60)
    Copies().mark([DIGEST])
    assert Copies().read(DIGEST) == (None, True)


def test_marking_many_leaves_the_copies_to_be_dropped() -> None:
    both = [DIGEST, Digest.of("another-key")]
    for digest in both:
        Copies().write(digest, "copy", 60)
    Copies().mark(both)
    assert [Copies().read(digest) for digest in both] == [("copy", True)] * 2
    Copies().drop(both)
    assert [Copies().read(digest) for digest in both] == [(None, True)] * 2


def test_what_is_written_for_no_time_is_deleted() -> None:
    Copies().write(DIGEST, "copy", 60)
    Copies().fill(DIGEST, "another", 60)
    assert Copies().read(DIGEST) == ("copy", False)
    Copies().write(DIGEST, "copy", 0)
    assert Copies().read(DIGEST) == (None, False)
