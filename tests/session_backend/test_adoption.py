from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event, Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.contrib.sessions.backends import cache as cache_engine
from django.contrib.sessions.backends import cached_db, db, file
from django.contrib.sessions.backends.base import SessionBase
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from session_backend import adoption
from session_backend.backends.db import SessionStore
from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import LAPTOP, Browser, make_user
from tests.session_backend.budget import statements
from tests.session_backend.peers import PEERS, created, keep, new_key, signed_in

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker, Settings

# Engines without rows delete with a commit, which there has to be.
pytestmark = pytest.mark.django_db(transaction=True)

OLD = PEERS["sessions"]
ROWS = OLD._base_manager
HOUR = timedelta(hours=1)

DB = type("SessionStore", (db.SessionStore,), {"get_model_class": classmethod(lambda cls: OLD)})
CACHED_DB = type(
    "SessionStore", (cached_db.SessionStore,), {"get_model_class": classmethod(lambda cls: OLD)}
)


class Namesake(SessionBase):
    """A store that says nothing of its model, as that of django-user-sessions."""

    def exists(self, session_key: str) -> bool:
        raise NotImplementedError

    def delete(self, session_key: str | None = None) -> None:
        ROWS.filter(pk=session_key).delete()


@pytest.fixture(scope="module", autouse=True)
def _tables(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), created(OLD):
        yield


@pytest.fixture(autouse=True)
def _no_old_sessions() -> Iterator[None]:
    yield
    ROWS.all().delete()


@pytest.fixture
def legacy(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have a store class be the site's old engine."""

    def legacy(store: type[SessionBase], **members: Any) -> None:
        module = ModuleType("old_engine")
        vars(module).update(members, SessionStore=store)
        monkeypatch.setitem(sys.modules, "old_engine", module)
        settings.SESSION_BACKEND_LEGACY_ENGINE = "old_engine"

    return legacy


@pytest.fixture
def files(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of Django's file engine."""
    monkeypatch.setattr(file.SessionStore, "_storage_path", str(tmp_path), raising=False)
    return tmp_path


@pytest.fixture(params=["db", "cached_db", "namesake", "cache", "file"])
def old(request: pytest.FixtureRequest, legacy: Callable[..., None]) -> Old:
    """An engine of each kind."""
    stores: dict[str, type[SessionBase]] = {
        "db": DB,
        "cached_db": CACHED_DB,
        "namesake": Namesake,
        "cache": cache_engine.SessionStore,
        "file": file.SessionStore,
    }
    request.getfixturevalue("files")
    store = stores[request.param]
    if store is Namesake:
        Namesake.__module__ = "old_engine"
        Namesake.__qualname__ = "SessionStore"  # it is part of the salt
    legacy(store, **({"Session": OLD} if store is Namesake else {}))
    return Old(store)


class Old:
    """The old engine, as far as the tests speak of it."""

    def __init__(self, store: type[SessionBase]) -> None:
        self.store = store
        self.has_rows = store in (DB, CACHED_DB, Namesake)

    def keep(self, data: dict[str, Any]) -> str:
        if self.store in (DB, Namesake):
            return str(keep("sessions", data).pk)
        store = self.store()
        store.update(data)
        store.create()
        store.save()
        assert store.session_key
        return store.session_key

    def has(self, key: str) -> bool:
        return ROWS.filter(pk=key).exists() if self.has_rows else self.store().exists(key)


def browser_with(key: str) -> Browser:
    browser = Browser(LAPTOP)
    browser.cookies["sessionid"] = key
    return browser


def knows(browser: Browser) -> bool:
    """Tell whether the site knows who this is."""
    return browser.get("/account/sessions/").status_code == 200


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, happens: Callable[[], Any]
) -> None:
    """Let something happen once, just before a function goes on."""
    function = getattr(where, name)

    def late(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(where, name, function)
        happens()
        return function(*args, **kwargs)

    monkeypatch.setattr(where, name, late)


# A cookie of the old engine


def test_it_goes_on_signed_in(engine: str, old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    browser = browser_with(key)
    assert knows(browser)
    assert browser.key == key
    assert browser.row.user == alice
    assert browser.row.ip == LAPTOP["REMOTE_ADDR"]
    assert not old.has(key)
    assert knows(browser)


def test_it_does_not_come_back_once_it_is_revoked(engine: str, old: Old, alice: User) -> None:
    browser = browser_with(old.keep(signed_in(alice)))
    assert knows(browser)
    Session.objects.for_user(alice).end()
    assert not knows(browser)
    assert not Session.objects.exists()


def test_it_can_sign_out_before_it_is_adopted(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    SessionStore(key).flush()
    assert not old.has(key)
    assert not knows(browser_with(key))


def test_a_visitor_who_is_nobody_keeps_what_they_have(old: Old, db: None) -> None:
    key = old.keep({"cart": [1]})
    assert SessionStore(key)["cart"] == [1]
    assert Session.objects.get().user is None


@pytest.mark.parametrize(
    "key", ["short", "k" * 41, "with space", "nul\x00nulnul", "é" * 10, "../../../etc"]
)
def test_what_is_no_key_is_no_error(key: str, old: Old, db: None) -> None:
    assert SessionStore(key).load() == {}
    SessionStore(key).delete()


def test_an_unknown_key_is_no_session(old: Old, db: None) -> None:
    assert SessionStore(new_key()).load() == {}
    assert not Session.objects.exists()


def test_a_user_who_is_gone_has_no_session(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    alice.delete()
    assert SessionStore(key).load() == {}
    assert not Session.objects.exists()


def test_a_digest_opens_nothing(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    store = SessionStore(Digest.of(key))
    assert store.load() == {}
    store.delete()
    assert old.has(key)


def test_async_code_adopts_too(engine: str, old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))

    async def visit() -> None:
        store = SessionStore(key)
        assert await store.auser_id() == alice.pk
        await store.aflush()

    async_to_sync(visit)()
    assert not old.has(key)
    assert not Session.objects.exists()


# What it costs


def test_without_the_setting_it_costs_nothing(alice: User) -> None:
    row = keep("sessions", signed_in(alice))
    with statements(OLD) as verbs:
        assert SessionStore(row.pk).load() == {}
        SessionStore(row.pk).delete()
    assert verbs == []


def test_a_session_of_ours_costs_nothing_more(legacy: Any, alice: User, laptop: Browser) -> None:
    laptop.sign_in(alice)
    legacy(DB)
    with statements(OLD) as verbs:
        assert knows(laptop)
    assert verbs == []


# Old engines with rows


def test_what_its_row_knows_is_kept(legacy: Any, alice: User) -> None:
    legacy(DB)
    row = keep("sessions", signed_in(alice), expire_date=timezone.now() + HOUR)
    assert SessionStore(row.pk).load() == signed_in(alice)
    assert Session.objects.get().expire_date == row.expire_date


def test_an_expired_session_is_not_adopted(legacy: Any, alice: User) -> None:
    legacy(DB)
    row = keep("sessions", signed_in(alice), expire_date=timezone.now() - HOUR)
    assert SessionStore(row.pk).load() == {}


def test_a_copy_in_the_old_cache_is_not_believed(legacy: Any, alice: User) -> None:
    legacy(CACHED_DB)
    store = CACHED_DB()
    store.update(signed_in(alice))
    store.create()
    store.save()
    ROWS.all().delete()
    assert CACHED_DB(store.session_key).get("_auth_user_id")
    assert SessionStore(store.session_key).load() == {}


def test_the_old_cache_forgets_it(legacy: Any, alice: User) -> None:
    legacy(CACHED_DB)
    store = CACHED_DB()
    store.update(signed_in(alice))
    store.create()
    store.save()
    assert SessionStore(store.session_key).load()
    assert CACHED_DB(store.session_key).load() == {}


def test_a_view_that_fails_undoes_both_halves(legacy: Any, alice: User) -> None:
    legacy(DB)
    row = keep("sessions", signed_in(alice))
    with transaction.atomic():
        assert SessionStore(row.pk).load()
        transaction.set_rollback(True)
    assert ROWS.filter(pk=row.pk).exists()
    assert not Session.objects.exists()


# Engines without rows


def test_an_expired_file_leaves_no_file_behind(legacy: Any, alice: User, files: Path) -> None:
    legacy(file.SessionStore)
    store = file.SessionStore()
    store.set_expiry(timezone.now() - HOUR)
    store.create()
    store.set_expiry(timezone.now() - HOUR)
    store.save()
    assert SessionStore(store.session_key).load() == {}
    assert not list(files.iterdir())


def test_its_expiry_is_kept_where_the_data_has_it(legacy: Any, alice: User) -> None:
    legacy(cache_engine.SessionStore)
    store = cache_engine.SessionStore()
    store.set_expiry(timezone.now() + HOUR)
    store.create()
    store.set_expiry(timezone.now() + HOUR)
    store.save()
    assert SessionStore(store.session_key).load()
    left = Session.objects.get().expire_date - timezone.now()
    assert timedelta(minutes=59) < left < timedelta(minutes=61)


# Several at once


def test_two_requests_at_once_both_go_on(
    old: Old, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = old.keep(signed_in(alice))
    browser, other = browser_with(key), browser_with(key)
    # The other is through before this one has done more than to see that there is something.
    meanwhile(monkeypatch, adoption, "atomic", lambda: knows(other))
    assert knows(browser)
    assert knows(other)
    assert Session.objects.get() == browser.row == other.row
    assert not old.has(key)


# A row is locked when it is read, so there is no time between.
ROWLESS = pytest.mark.parametrize("old", ["cache", "file"], indirect=True)


@pytest.fixture
def read_before(old: Old, alice: User, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session that this request has read in the old engine before anything else happens."""
    key = old.keep(signed_in(alice))
    legacy_store = adoption._LegacyStore.of(key)
    assert legacy_store is not None
    session = legacy_store.read()
    assert SessionStore(key).load()
    assert not old.has(key)
    return session


@ROWLESS
def test_one_that_read_before_the_other_inserted_goes_on(
    read_before: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption._LegacyStore, "exists", lambda store: True)
    monkeypatch.setattr(adoption._LegacyStore, "read", lambda store: read_before)
    adoption.adopt(read_before.key, Session)
    assert SessionStore(read_before.key).load()
    assert Session.objects.count() == 1


@ROWLESS
def test_one_that_read_before_it_was_revoked_brings_nothing_back(
    read_before: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Session.objects.all().end()
    answers = [False, True]
    monkeypatch.setattr(adoption._LegacyStore, "exists", lambda store: answers.pop())
    monkeypatch.setattr(adoption._LegacyStore, "read", lambda store: read_before)
    adoption.adopt(read_before.key, Session)
    assert answers == []
    assert not Session.objects.exists()


@pytest.mark.services
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one writer")
def test_a_row_that_is_read_is_nobody_elses(
    legacy: Any, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy(DB)
    row = keep("sessions", signed_in(alice))
    is_read, go_on = Event(), Event()

    def pause() -> None:
        is_read.set()
        assert go_on.wait(30)

    def adopt() -> None:
        adoption.adopt(row.pk, Session)
        connection.close()

    meanwhile(monkeypatch, adoption, "existing_users", pause)
    thread = Thread(target=adopt)
    thread.start()
    assert is_read.wait(30)
    with pytest.raises(OperationalError), transaction.atomic():
        ROWS.select_for_update(nowait=True).get(pk=row.pk)
    go_on.set()
    thread.join()
    assert Session.objects.get().user == alice
    assert not ROWS.exists()


@pytest.mark.services
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one writer")
@pytest.mark.parametrize("store", [DB, cache_engine.SessionStore], ids=["rows", "none"])
def test_many_requests_at_once_all_go_on(store: type[SessionBase], legacy: Any) -> None:
    legacy(store)
    old = Old(store)
    for _ in range(10):
        key = old.keep(signed_in(make_user(new_key()[:8])))
        barrier = Barrier(8)
        known: list[bool] = []

        def ask(key: str = key, barrier: Barrier = barrier, known: list[bool] = known) -> None:
            barrier.wait()
            known.append(knows(browser_with(key)))
            connection.close()

        threads = [Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert known == [True] * 8
        assert not old.has(key)
        assert Session.objects.filter(pk=key).count() == 1
