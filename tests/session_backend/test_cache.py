"""A failing cache makes sessions slower but never wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.utils import timezone
from django.utils.crypto import get_random_string

from session_backend import cache as session_cache
from session_backend import models
from session_backend.cache import SessionCache, entry_key, marker_key
from session_backend.fields import Digest
from session_backend.models import Session
from tests.session_backend.budget import cache_commands, statements
from tests.session_backend.caches import RecordingCache
from tests.session_backend.helpers import open_store, save_session

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

DIGEST = Digest.of("a-key")
WRITES = {"add", "set", "set_many"}

Refuse = Callable[..., None]


@pytest.fixture(autouse=True)
def _engine(settings: Settings, recording: type[RecordingCache]) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(session_cache, "monotonic", lambda: clock.now)
    return clock


class Clock:
    now = 1000.0


@pytest.fixture
def down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecordingCache, "is_down", True)


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Return a function that makes the cache refuse these commands only."""
    return lambda *commands: monkeypatch.setattr(RecordingCache, "refused", frozenset(commands))


def write(key: str, name: str) -> None:
    store = open_store(key)
    store[name] = True
    store.save()


@pytest.mark.usefixtures("down")
def test_sessions_without_cache() -> None:
    store = open_store(save_session())
    assert store["colour"] == "blue"
    store["colour"] = "red"
    store.save()
    store.cycle_key()
    assert open_store(store.session_key)["colour"] == "red"
    Session.objects.get(pk=store.session_key).revoke()
    assert open_store(store.session_key).load() == {}


def test_session_survives_outage(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    key = save_session()
    monkeypatch.setattr(RecordingCache, "is_down", True)
    assert open_store(key)["colour"] == "blue"
    monkeypatch.setattr(RecordingCache, "is_down", False)
    clock.now += 10
    assert open_store(key)["colour"] == "blue"


@pytest.mark.usefixtures("down")
def test_failed_cache_not_retried_within_request() -> None:
    store = open_store("unknown-key")
    with cache_commands() as commands:
        store.load()
        store["colour"] = "red"
        store.save()
        store.save()
    # A save tries to delete the entry that it could not replace, once.
    assert commands == ["get_many", "delete_many"]


@pytest.mark.usefixtures("down")
def test_load_skips_failed_cache_for_a_second(clock: Clock) -> None:
    key = save_session()
    with cache_commands() as commands:
        assert open_store(key)["colour"] == "blue"
    assert commands == []
    clock.now += 1
    with cache_commands() as commands:
        assert open_store(key)["colour"] == "blue"
    assert commands == ["get_many"]


@pytest.mark.usefixtures("clock")
def test_load_while_circuit_is_open_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    key = save_session()
    cache.clear()
    monkeypatch.setattr(RecordingCache, "is_down", True)
    open_store(key).load()
    monkeypatch.setattr(RecordingCache, "is_down", False)
    with cache_commands() as commands, statements() as sent:
        assert open_store(key)["colour"] == "blue"
    assert (commands, sent) == ([], ["SELECT"])


@pytest.mark.usefixtures("down", "clock")
def test_save_and_revoke_always_try() -> None:
    key = save_session()
    with cache_commands() as commands:
        write(key, "a")
        Session.objects.get(pk=key).revoke()
    # The save invalidates, because the row was written recently.
    assert commands == ["set_many", "delete_many"] * 2


@pytest.mark.usefixtures("down")
def test_failure_logged_once_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        save_session()
        clock.now += 10
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("session_backend", "WARNING")
    assert "cache failed" in record.getMessage()
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the cache is down"
    clock.now += 60
    save_session()
    assert len(caplog.records) == 2


def test_get_many_returns_none(monkeypatch: pytest.MonkeyPatch) -> None:
    key = save_session()
    monkeypatch.setattr(RecordingCache, "get_many", lambda *args: None)
    assert open_store(key)["colour"] == "blue"


def test_set_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise ValueError("object too large for cache")

    monkeypatch.setattr(RecordingCache, "set", refuse)
    assert open_store(save_session())["colour"] == "blue"


def test_session_cache_alias(settings: Settings) -> None:
    dummy = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    settings.CACHES = {"default": dummy, "sessions": settings.CACHES["default"]}
    settings.SESSION_CACHE_ALIAS = "sessions"
    with cache_commands() as commands:
        save_session()
    assert commands == ["set"]


def test_unknown_session_cache_alias(settings: Settings) -> None:
    settings.SESSION_CACHE_ALIAS = "unknown"
    assert open_store(save_session())["colour"] == "blue"


def test_keys() -> None:
    assert entry_key(DIGEST) == f"session_backend:{DIGEST}"
    assert marker_key(DIGEST) == f"session_backend:{DIGEST}:revoked"
    SessionCache().invalidate([DIGEST])
    SessionCache().write(DIGEST, "entry", 60)
    assert SessionCache().read(DIGEST) == ("entry", True)


def test_invalidate_one_deletes_entry() -> None:
    SessionCache().write(DIGEST, "entry", 60)
    SessionCache().invalidate([DIGEST])
    assert SessionCache().read(DIGEST) == (None, True)


def test_invalidate_many_keeps_entries() -> None:
    both = [DIGEST, Digest.of("another-key")]
    for digest in both:
        SessionCache().write(digest, "entry", 60)
    SessionCache().invalidate(both)
    assert [SessionCache().read(digest) for digest in both] == [("entry", True)] * 2
    SessionCache().delete(both)
    assert [SessionCache().read(digest) for digest in both] == [(None, True)] * 2


def test_fill_and_write() -> None:
    SessionCache().write(DIGEST, "entry", 60)
    SessionCache().fill(DIGEST, "another", 60)
    assert SessionCache().read(DIGEST) == ("entry", False)
    SessionCache().write(DIGEST, "entry", 0)
    assert SessionCache().read(DIGEST) == (None, False)


@pytest.mark.parametrize("commands", [WRITES, {"set"}, {"set_many"}, {"set", "set_many"}])
def test_save_not_lost_if_cache_refuses_writes(
    commands: set[str], refuse: Refuse, clock: Clock
) -> None:
    key = save_session()
    Session.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    cache.delete(entry_key(Digest.of(key)))
    write(key, "a")
    refuse(*commands)
    write(key, "b")
    clock.now += 1.2
    assert "b" in open_store(key)
    write(key, "c")
    row = Session.objects.get()
    assert row.get_decoded() == {"colour": "blue", "a": True, "b": True, "c": True}


def test_save_not_lost_after_failed_load(refuse: Refuse, clock: Clock) -> None:
    key = save_session()
    refuse("get_many")
    write(key, "a")
    refuse()
    clock.now += 1.2
    assert "a" in open_store(key)


@pytest.mark.parametrize("sessions", [1, 2])
def test_revoke_with_full_cache(sessions: int, refuse: Refuse, clock: Clock) -> None:
    keys = [save_session() for _ in range(sessions)]
    assert cache.get(entry_key(Digest.of(keys[0])))
    refuse(*WRITES)
    assert Session.objects.all().revoke() == sessions
    clock.now += 1.2
    assert [open_store(key).load() for key in keys] == [{}] * sessions


@pytest.mark.usefixtures("down")
def test_bulk_revoke_tries_failed_cache_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "BATCH_SIZE", 2)
    for _ in range(7):
        Session.objects.create(session_key=get_random_string(32), expire_date=timezone.now())
    with cache_commands() as commands:
        assert Session.objects.all().revoke() == 7
    assert commands == ["set_many", "delete_many"]


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_unshared_cache_not_used(backend: str, settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    key = save_session()
    for _ in range(2):
        with statements() as sent:
            assert open_store(key)["colour"] == "blue"
        assert sent == ["SELECT"]
    assert cache.get(entry_key(Digest.of(key))) is None
    # As another process would delete it.
    Session.objects.all()._raw_delete("default")
    assert open_store(key).load() == {}
