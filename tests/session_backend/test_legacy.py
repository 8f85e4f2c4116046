from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Event, Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends import cache as cache_engine
from django.contrib.sessions.backends import cached_db, db, file
from django.contrib.sessions.backends.base import SessionBase
from django.core import signing
from django.core.cache import caches
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from session_backend import legacy
from session_backend.backends.db import SessionStore
from session_backend.devices import Device
from session_backend.fields import Digest
from session_backend.legacy import LegacySession, adopt, revoke_legacy_sessions
from session_backend.models import AbstractSession, Session
from tests.browsers import LAPTOP, Browser, make_user
from tests.session_backend.budget import statements
from tests.session_backend.caches import RecordingCache
from tests.session_backend.peers import PEERS, created, keep, new_key, signed_in

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker, Settings

# Adoption runs in a transaction of its own, which has to be committed.
pytestmark = pytest.mark.django_db(transaction=True)

BACKENDS = "django.contrib.sessions.backends"
OLD = PEERS["sessions"]
ROWS = OLD._base_manager
HOUR = timedelta(hours=1)
TIMES = ("created_at", "updated_at", "last_activity")


def custom(base: type[SessionBase], **members: Any) -> type[SessionBase]:
    """Return a custom store class."""
    model = classmethod(lambda cls: OLD)
    return type("SessionStore", (base,), {"get_model_class": model, **members})


class Scrambled(db.SessionStore):
    """A store with an encoding of its own."""

    def encode(self, session_dict: dict[str, Any]) -> str:
        return super().encode(session_dict)[::-1]

    def decode(self, session_data: Any) -> dict[str, Any]:
        return super().decode(session_data[::-1])


STORES: dict[str, type[SessionBase]] = {
    f"{BACKENDS}.db": custom(db.SessionStore),
    f"{BACKENDS}.cached_db": custom(cached_db.SessionStore),
    f"{BACKENDS}.cache": cache_engine.SessionStore,
    f"{BACKENDS}.file": file.SessionStore,
    "custom": custom(cached_db.SessionStore),
    "scrambled": custom(Scrambled),
}


@pytest.fixture(scope="module", autouse=True)
def _tables(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), created(OLD):
        yield


@pytest.fixture(autouse=True)
def _no_old_sessions() -> Iterator[None]:
    yield
    ROWS.all().delete()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of Django's file engine."""
    monkeypatch.setattr(file.SessionStore, "_storage_path", str(tmp_path), raising=False)
    return tmp_path


class Old:
    """The legacy engine, as the tests use it."""

    def __init__(self, store: type[SessionBase]) -> None:
        self.store = store

    def keep(self, data: dict[str, Any]) -> str:
        store = self.store()
        store.update(data)
        store.create()
        store.save()
        assert store.session_key
        return store.session_key

    def has(self, key: str) -> bool:
        if issubclass(self.store, db.SessionStore):
            return ROWS.filter(pk=key).exists()
        return self.store().exists(key)


@pytest.fixture
def use(settings: Settings, monkeypatch: pytest.MonkeyPatch, files: Path) -> Callable[[str], Old]:
    """Set one of the engines as the legacy engine."""

    def use(name: str) -> Old:
        if "." not in name:
            module = ModuleType(name)
            vars(module).update(SessionStore=STORES[name])
            monkeypatch.setitem(sys.modules, name, module)
        settings.SESSION_BACKEND_LEGACY_ENGINE = name
        return Old(STORES[name])

    return use


Use = Callable[[str], Old]


@pytest.fixture(params=STORES)
def old(request: pytest.FixtureRequest, use: Use) -> Old:
    """Each kind of legacy engine."""
    return use(request.param)


def kinds(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "old", [name if name in STORES else f"{BACKENDS}.{name}" for name in names], indirect=True
    )


WITHOUT_ROWS = kinds("cache", "file")


def browser_with(key: str) -> Browser:
    browser = Browser(LAPTOP)
    browser.cookies["sessionid"] = key
    return browser


def knows(browser: Browser) -> bool:
    """Return whether the browser is signed in."""
    return browser.get("/account/sessions/").status_code == 200


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, happens: Callable[[], Any]
) -> None:
    """Call a function once, just before another one is called."""
    function = getattr(where, name)

    def late(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(where, name, function)
        happens()
        return function(*args, **kwargs)

    monkeypatch.setattr(where, name, late)


# A cookie of the legacy engine


def test_session_adopted(engine: str, old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    browser = browser_with(key)
    assert knows(browser)
    assert browser.key == key
    assert browser.row.user == alice
    assert browser.row.ip == LAPTOP["REMOTE_ADDR"]
    assert not old.has(key)
    assert knows(browser)


def test_revoked_session_not_adopted_again(engine: str, old: Old, alice: User) -> None:
    browser = browser_with(old.keep(signed_in(alice)))
    assert knows(browser)
    Session.objects.for_user(alice).revoke()
    assert not knows(browser)
    assert not Session.objects.exists()


def test_flush_before_adoption(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    SessionStore(key).flush()
    assert not old.has(key)
    assert not knows(browser_with(key))


def test_anonymous_session_adopted(old: Old, db: None) -> None:
    key = old.keep({"cart": [1]})
    assert SessionStore(key)["cart"] == [1]
    assert Session.objects.get().user is None


@pytest.mark.parametrize(
    "key", ["short", "k" * 41, "with space", "nul\x00nulnul", "é" * 10, "../../../etc"]
)
def test_invalid_key_ignored(key: str, old: Old, db: None) -> None:
    assert SessionStore(key).load() == {}
    SessionStore(key).delete()


def test_unknown_key_not_adopted(old: Old, db: None) -> None:
    assert SessionStore(new_key()).load() == {}
    assert not Session.objects.exists()


def test_session_of_deleted_user_not_adopted(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    alice.delete()
    assert SessionStore(key).load() == {}
    assert not Session.objects.exists()


def test_digest_neither_adopts_nor_deletes(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    store = SessionStore(Digest.of(key))
    assert store.load() == {}
    store.delete()
    SessionStore().delete(Digest.of(key))
    assert old.has(key)


def test_async_adoption(engine: str, old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))

    async def visit() -> None:
        store = SessionStore(key)
        assert await store.auser_id() == alice.pk
        await store.aflush()

    async_to_sync(visit)()
    assert not old.has(key)
    assert not Session.objects.exists()


# What it costs


@pytest.mark.usefixtures("no_history")
def test_no_query_without_setting(alice: User) -> None:
    row = keep("sessions", signed_in(alice))
    with statements(OLD) as verbs:
        assert SessionStore(row.pk).load() == {}
        SessionStore(row.pk).delete()
    assert verbs == []


def test_no_extra_query_for_adopted_session(use: Use, alice: User, laptop: Browser) -> None:
    laptop.sign_in(alice)
    use(f"{BACKENDS}.db")
    with statements(OLD) as verbs:
        assert knows(laptop)
    assert verbs == []


# Tables


def test_data_and_expiry_kept(use: Use, alice: User) -> None:
    use(f"{BACKENDS}.db")
    row = keep("sessions", signed_in(alice), expire_date=timezone.now() + HOUR)
    assert SessionStore(row.pk).load() == signed_in(alice)
    assert Session.objects.get().expire_date == row.expire_date


def test_expired_session_not_adopted(use: Use, alice: User) -> None:
    use(f"{BACKENDS}.db")
    row = keep("sessions", signed_in(alice), expire_date=timezone.now() - HOUR)
    assert SessionStore(row.pk).load() == {}


@kinds("cached_db", "custom")
def test_stale_legacy_cache_not_adopted(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    ROWS.all().delete()
    assert old.store(key).get("_auth_user_id")
    assert SessionStore(key).load() == {}


@kinds("cached_db", "custom")
@pytest.mark.parametrize("method", ["load", "delete"])
def test_legacy_cache_deleted(method: str, old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    getattr(SessionStore(key), method)()
    assert old.store(key).load() == {}


def test_adoption_rolled_back_with_atomic_requests(
    use: Use, alice: User, site: None, recording: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The row that was rolled back is not in the cache either.
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    use(f"{BACKENDS}.db")
    browser = browser_with(keep("sessions", signed_in(alice)).pk)
    browser.raise_request_exception = False
    assert browser.get("/crash/").status_code == 500
    assert ROWS.exists()
    assert not Session.objects.exists()
    assert browser.get("/write/").content == b"alice: 1"


@pytest.mark.parametrize("is_dropped_later", [False, True])
def test_missing_table_logged(
    is_dropped_later: bool,
    use: Use,
    alice: User,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(f"{BACKENDS}.db")
    source = legacy.SOURCES["sessions"]._replace(table="nowhere")
    monkeypatch.setitem(legacy.SOURCES, "sessions", source)
    if is_dropped_later:
        monkeypatch.setattr(legacy, "_columns_in", lambda *args: ["session_data"])
    with transaction.atomic():
        assert SessionStore(new_key()).load() == {}
        SessionStore(new_key()).delete()
        assert User.objects.get() == alice
    assert "could not be adopted" in caplog.text
    assert "may still have a session" in caplog.text
    assert "nowhere" in caplog.text


# Engines without a table


def test_expired_file_deleted(use: Use, files: Path, db: None) -> None:
    old = use(f"{BACKENDS}.file")
    key = old.keep({"_session_expiry": (timezone.now() - HOUR).isoformat()})
    assert SessionStore(key).load() == {}
    assert not list(files.iterdir())


def test_custom_expiry_kept(use: Use, db: None) -> None:
    old = use(f"{BACKENDS}.cache")
    key = old.keep({"_session_expiry": (timezone.now() + HOUR).isoformat()})
    assert SessionStore(key).load()
    left = Session.objects.get().expire_date - timezone.now()
    assert timedelta(minutes=59) < left < timedelta(minutes=61)


@kinds("cache", "file", "scrambled")
def test_legacy_session_deleted_before_commit(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    with transaction.atomic():
        assert SessionStore(key).load()
        assert SESSION_KEY not in old.store(key).load()
    assert not old.has(key)


@WITHOUT_ROWS
@pytest.mark.parametrize("failure", [lambda *args: None, lambda *args: 1 / 0])
def test_not_adopted_if_legacy_save_fails(
    failure: Callable[..., Any],
    old: Old,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    browser = browser_with(old.keep(signed_in(alice)))
    with monkeypatch.context() as patch:
        patch.setattr(old.store, "save", failure)
        assert not knows(browser)
        assert "could not be adopted" in caplog.text
        assert not Session.objects.exists()
    assert knows(browser)


@WITHOUT_ROWS
def test_not_adopted_again_if_legacy_delete_fails(
    old: Old, alice: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = old.keep(signed_in(alice))
    browser = browser_with(key)
    with monkeypatch.context() as patch:
        patch.setattr(old.store, "delete", lambda *args: 1 / 0)
        assert knows(browser)
    assert "ZeroDivisionError" in caplog.text
    assert old.has(key)
    Session.objects.all().revoke()
    assert not knows(browser)
    assert not Session.objects.exists()


# What this process cannot read


# A custom cached_db engine reads its cache, which needs neither setting.
@kinds("db", "cached_db", "scrambled", "file")
@pytest.mark.parametrize(
    "setting",
    [
        {"SECRET_KEY": "another"},
        {"SESSION_SERIALIZER": "tests.session_backend.peers.ReprSerializer"},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_unreadable_session_and_cookie_kept(
    engine: str, setting: dict[str, str], old: Old, alice: User
) -> None:
    key = old.keep(signed_in(alice))
    browser = browser_with(key)
    with override_settings(**setting, SESSION_SAVE_EVERY_REQUEST=True):
        assert not knows(browser)
        assert browser.key == key
    assert old.has(key)
    assert knows(browser)


def test_session_kept_while_legacy_cache_fails(use: Use, alice: User) -> None:
    old = use(f"{BACKENDS}.cache")
    key = old.keep(signed_in(alice))
    browser = browser_with(key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(caches["default"]), "get", lambda *args: 1 / 0)
        assert not knows(browser)
        assert browser.key == key
    assert knows(browser)


def test_unreadable_session_logged(use: Use, alice: User, caplog: pytest.LogCaptureFixture) -> None:
    use(f"{BACKENDS}.db")
    row = keep("sessions", signed_in(alice), session_data="broken")
    assert not knows(browser_with(row.pk))
    assert "A session in django_session is unreadable (signed with another" in caplog.text


@kinds("db", "file")
def test_sign_out_deletes_unreadable_session(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    browser = browser_with(key)
    with override_settings(SECRET_KEY="another"):
        assert browser.post("/accounts/logout/").status_code == 200
    assert browser.key is None
    assert not old.has(key)


@kinds("db", "file")
def test_write_creates_new_session_and_cookie(old: Old, alice: User, site: None) -> None:
    key = old.keep(signed_in(alice))
    browser = browser_with(key)
    with override_settings(SECRET_KEY="another"):
        assert browser.get("/write/").content == b"anonymous: 1"
        assert browser.get("/write/").content == b"anonymous: 2"
    assert browser.key != key
    assert old.has(key)


# A legacy engine that fails


@pytest.fixture
def broken(use: Use, recording: type[RecordingCache], monkeypatch: pytest.MonkeyPatch) -> None:
    """The ``cached_db`` engine without its cache."""
    use(f"{BACKENDS}.cached_db")
    monkeypatch.setattr(recording, "is_down", True)


def test_sign_out_while_legacy_cache_fails(
    broken: None, engine: str, alice: User, laptop: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    laptop.sign_in(alice)
    assert laptop.post("/accounts/logout/").status_code == 200
    assert not Session.objects.exists()
    assert "still holds some sessions" in caplog.text


def test_adoption_while_legacy_cache_fails(broken: None, engine: str, alice: User) -> None:
    browser = browser_with(keep("sessions", signed_in(alice)).pk)
    assert knows(browser)
    assert not ROWS.exists()
    assert browser.row.user == alice


def test_legacy_cache_not_configured(use: Use, alice: User, settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.db"
    settings.SESSION_CACHE_ALIAS = "nowhere"
    use(f"{BACKENDS}.cached_db")
    browser = browser_with(keep("sessions", signed_in(alice)).pk)
    assert knows(browser)
    assert browser.post("/accounts/logout/").status_code == 200
    assert not ROWS.exists()
    assert not Session.objects.exists()


@WITHOUT_ROWS
@pytest.mark.parametrize("failure", [lambda *args: None, lambda *args: 1 / 0])
def test_sign_out_while_legacy_engine_fails(
    failure: Callable[..., Any],
    old: Old,
    alice: User,
    laptop: Browser,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = old.keep(signed_in(alice))
    laptop.sign_in(alice)
    monkeypatch.setattr(old.store, "delete", failure)
    laptop.post("/accounts/logout/")
    SessionStore(key).delete()
    assert not Session.objects.exists()
    assert "may still have a session" in caplog.text


# Signing out everywhere else


def test_revoke_others_includes_sessions_not_adopted_yet(
    engine: str, old: Old, alice: User, laptop: Browser
) -> None:
    hers, his = old.keep(signed_in(alice)), old.keep(signed_in(make_user("bob")))
    laptop.sign_in(alice)
    for _ in range(2):
        laptop.post(reverse("session_ui:session_revoke"), {"session": "others"})
    assert not knows(browser_with(hers))
    assert not old.has(hers)
    assert knows(browser_with(his))
    assert knows(laptop)
    assert Session.objects.filter(user=alice).count() == 1


def test_revocation_kept_as_long_as_cookies_live(use: Use, alice: User) -> None:
    use(f"{BACKENDS}.db")
    revoke_legacy_sessions(alice)
    row = Session.objects.get()
    assert row.expire_date > timezone.now() + timedelta(days=399)
    # It is not a session: it has no user, and its key loads nothing.
    assert row.user is None
    assert SessionStore(str(row.pk)).load() == {}


def test_revocation_kept_when_all_sessions_end(old: Old, alice: User, laptop: Browser) -> None:
    key = old.keep(signed_in(alice))
    laptop.sign_in(make_user("bob"))
    revoke_legacy_sessions(alice)
    assert Session.objects.all().revoke() == 1
    assert Session.objects.all().delete()[0] == 0
    assert not knows(browser_with(key))
    # It is deleted when it has expired.
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
    assert Session.objects.all().clear() == 1


@pytest.mark.parametrize("path", [None, f"{BACKENDS}.db"])
def test_revocation_without_setting_or_user_not_recorded(
    path: str | None, settings: Settings, alice: User
) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = path
    revoke_legacy_sessions(alice if path is None else AnonymousUser())
    assert not Session.objects.exists()


# Several requests at once


def test_concurrent_requests_both_signed_in(
    old: Old, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = old.keep(signed_in(alice))
    browser, other = browser_with(key), browser_with(key)
    # The other request finishes after this one has found the session and before it reads it.
    meanwhile(monkeypatch, legacy, "_invalidating", lambda: knows(other))
    assert knows(browser)
    assert knows(other)
    assert Session.objects.get() == browser.row == other.row
    assert not old.has(key)


@WITHOUT_ROWS
@pytest.mark.parametrize("is_revoked", [False, True])
def test_adoption_after_concurrent_adoption(
    is_revoked: bool, old: Old, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = old.keep(signed_in(alice))
    session = legacy._loaded(old.store(key))
    with monkeypatch.context() as patch:
        patch.setattr(old.store, "delete", lambda *args: None)
        assert SessionStore(key).load()
    if is_revoked:
        Session.objects.all().revoke()
    monkeypatch.setattr(legacy, "_loaded", lambda store: session)
    adopt(SessionStore(key))
    assert Session.objects.exists() == (not is_revoked)


@pytest.mark.parametrize("is_here", [True, False])
def test_insert_fails(
    is_here: bool,
    use: Use,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    old = use(f"{BACKENDS}.file")
    key = old.keep(signed_in(alice))

    def insert(*args: Any) -> None:
        raise IntegrityError

    with monkeypatch.context() as patch:
        patch.setattr(legacy, "_insert", insert)
        if is_here:
            Session(session_key=key, expire_date=timezone.now() + HOUR).save()
        adopt(SessionStore(key))
    # If it is here already, another request was faster.
    assert ("could not be adopted" in caplog.text) == (not is_here)
    assert old.has(key)


def test_adoption_during_sign_out(use: Use, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    use(f"{BACKENDS}.db")
    row = keep("sessions", signed_in(alice))
    # After the sign-out found no row here, and before it asks the legacy engine.
    meanwhile(monkeypatch, legacy, "forget", lambda: SessionStore(row.pk).load())
    SessionStore(row.pk).delete()
    assert not Session.objects.exists()


@pytest.mark.services
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one writer")
def test_row_and_user_locked(use: Use, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    # The user too, so that nobody can sign out everywhere else before the row is here.
    use(f"{BACKENDS}.db")
    row = keep("sessions", signed_in(alice))
    is_read, go_on = Event(), Event()

    def pause() -> None:
        is_read.set()
        assert go_on.wait(30)

    def visit() -> None:
        SessionStore(row.pk).load()
        connection.close()

    meanwhile(monkeypatch, legacy, "_insert", pause)
    thread = Thread(target=visit)
    thread.start()
    assert is_read.wait(30)
    for rows in (ROWS, User.objects):
        with pytest.raises(OperationalError), transaction.atomic():
            rows.select_for_update(nowait=True).get()
    go_on.set()
    thread.join()
    assert Session.objects.get().user == alice
    assert not ROWS.exists()


@pytest.mark.services
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one writer")
@kinds("db", "cache")
def test_many_concurrent_requests_signed_in(old: Old) -> None:
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


# Keys


def test_no_key_in_local_variables(old: Old, alice: User) -> None:
    key = old.keep(signed_in(alice))
    found, depth = set[tuple[str, str]](), 0

    def look(execute: Any, *args: Any) -> Any:
        nonlocal depth
        if not depth:
            depth = 1
            frame = sys._getframe()
            while frame := frame.f_back:  # type: ignore[assignment]
                if frame.f_globals["__name__"].startswith("session_backend."):
                    values = frame.f_locals.items()
                    found.update((frame.f_code.co_name, n) for n, v in values if key in repr(v))
            depth = 0
        return execute(*args)

    with connection.execute_wrapper(look):
        SessionStore(key).load()
        SessionStore(key).delete()
    assert found == set()


# The row


KEY = Digest.of("key")


def row_of(data: dict[str, Any] | None = None, **known: Any) -> AbstractSession:
    expire_date = timezone.now() + HOUR
    session = LegacySession(KEY, data or {}, {"expire_date": expire_date, **known})
    return Session(session_key=KEY, **session.columns(Session))


def times_of(row: AbstractSession) -> tuple[datetime, ...]:
    return tuple(getattr(row, name) for name in TIMES)


def test_imported_row_can_be_loaded(alice: User) -> None:
    expire_date = timezone.now() + HOUR
    data = {SESSION_KEY: str(alice.pk), HASH_SESSION_KEY: alice.get_session_auth_hash(), "n": 1}
    row_of(data, expire_date=expire_date).save(force_insert=True)
    row = Session.objects.for_user(alice).get()
    assert row.session_key == KEY
    assert row.get_decoded() == data
    assert row.expire_date == expire_date


def test_client_and_device_imported() -> None:
    ip, agent = LAPTOP["REMOTE_ADDR"], LAPTOP["HTTP_USER_AGENT"]
    row = row_of(ip=ip, user_agent=agent)
    assert (row.ip, row.user_agent, row.device()) == (ip, agent, "Chrome on Windows")


def test_privacy_settings(settings: Settings) -> None:
    settings.SESSION_BACKEND_STORE_IP = "truncated"
    settings.SESSION_BACKEND_STORE_USER_AGENT = False
    row = row_of(ip="89.160.20.112", user_agent="Mozilla/5.0", device="iPad / iOS / Safari")
    assert device_columns(row) == Device("unknown", "", "", "")
    assert row.ip == "89.160.20.0"
    assert row.user_agent == ""


def device_columns(row: AbstractSession) -> Device:
    return Device(row.device_type, row.device_model, row.browser, row.os)


@pytest.mark.parametrize(
    ("ip", "agent"),
    [
        ("_qsessions_ip", "_qsessions_user_agent"),
        ("_django_user_sessions_ng_session_ip", "_django_user_sessions_ng_session_device"),
    ],
)
def test_client_in_session_data_moved_to_columns(ip: str, agent: str) -> None:
    row = row_of({ip: "89.160.20.112", agent: None, "n": 1})
    assert row.get_decoded() == {"n": 1}
    assert row.ip == "89.160.20.112"


def test_column_preferred_to_session_data() -> None:
    row = row_of({"_qsessions_ip": "89.160.20.112"}, ip="2.125.160.216")
    assert row.ip == "2.125.160.216"
    row = row_of({"_qsessions_ip": "89.160.20.112"}, ip=None)
    assert row.ip == "89.160.20.112"


def test_times_of_row_kept() -> None:
    now = timezone.now()
    created, updated, seen = now - 3 * HOUR, now - 2 * HOUR, now - HOUR
    row = row_of(created_at=created, updated_at=updated, last_activity=seen)
    assert times_of(row) == (created, updated, seen)
    row = row_of(created_at=created, updated_at=updated)
    assert times_of(row) == (created, updated, updated)


@pytest.mark.parametrize("use_tz", [True, False])
def test_missing_times_read_from_signature(
    use_tz: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.USE_TZ = use_tz
    written = timezone.now().replace(microsecond=0) - 5 * HOUR
    monkeypatch.setattr("time.time", written.timestamp)
    session_data = signing.dumps({}, salt="any")
    row = row_of(session_data=session_data)
    assert times_of(row) == (written, written, written)


@pytest.mark.parametrize("session_data", ["", "data:mac", "data:!:mac", "data:zzzzzzzzzzzzz:mac"])
def test_missing_times_without_signature(session_data: str) -> None:
    before = timezone.now()
    row = row_of(session_data=session_data)
    assert before <= row.created_at <= row.updated_at <= row.last_activity


# The label that django-user-sessions-ng keeps instead of a user agent


@pytest.mark.parametrize(
    ("label", "device"),
    [
        ("PC / Windows 10 / Chrome 126.0.0", "Chrome on Windows"),
        ("iPhone / iOS 17.4 / Mobile Safari 17.4", "Safari on iPhone"),
        ("iPad / iOS 17.4 / Chrome Mobile iOS 120.0.1", "Chrome on iPad"),
        ("K / Android 10 / Chrome Mobile 126.0.0", "Chrome on Android"),
        ("nonsense", "Unknown device"),
        (f"PC / {'x' * 65} / Chrome", "Unknown device"),
    ],
)
def test_device_label_used_without_user_agent(label: str, device: str) -> None:
    assert row_of(device=label, ip="89.160.20.112").device() == device
    assert row_of(device=label, user_agent="curl/8.0").device() == "curl"
