from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.file import SessionStore as FileStore
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from session_backend.backends import db
from session_backend.fields import Digest
from session_backend.management.commands import clearsessions
from session_backend.models import Session
from session_backend.querysets import SessionQuerySet
from tests.browsers import LAPTOP, Browser, make_user

if TYPE_CHECKING:
    from pytest_django import Settings

Run = Callable[..., str]

DAY = timedelta(days=1)
CLIENT: dict[str, Any] = {
    "ip": "2.125.160.216",
    "user_agent": "Mozilla/5.0",
    "device_type": "mobile",
    "device_model": "iPhone",
    "browser": "Safari",
    "os": "iOS",
    "country_code": "SE",
    "country": "Sweden",
    "city": "Linköping",
}
BLANK: dict[str, Any] = dict.fromkeys(CLIENT, "") | {"ip": None, "device_type": "unknown"}


class SessionStore(SessionBase):
    """A site's own store that cannot clear; this module is its engine."""


def keep(number: int = 1, **columns: Any) -> list[str]:
    """Keep sessions with these columns and return their digests."""
    keys = []
    for _ in range(number):
        store = db.SessionStore()
        store["colour"] = "blue"
        store.create()
        keys.append(store.session_key)
    rows = Session.objects.filter(pk__in=keys)
    rows.update(**columns)
    return list(rows.values_list("pk", flat=True))


def expired(number: int = 1) -> list[str]:
    return keep(number, expire_date=timezone.now() - DAY)


def client_of(digest: str) -> dict[str, Any]:
    return dict(Session.objects.values(*CLIENT).get(pk=Digest(digest)))


def change_password(user: User) -> None:
    user.set_password("another")
    user.save()


# Expired sessions


def test_expired_sessions_go_and_others_stay(db: None, run: Run) -> None:
    expired(2)
    (alive,) = keep()
    assert "Deleted 2 expired sessions." in run("clearsessions")
    assert [row.pk for row in Session.objects.all()] == [alive]
    assert "Deleted 0 expired sessions." in run("clearsessions")


def test_it_is_silent_when_asked(db: None, run: Run) -> None:
    expired(2)
    assert run("clearsessions", verbosity=0) == ""
    assert not Session.objects.exists()


def test_no_statement_takes_more_than_a_batch(db: None, run: Run) -> None:
    expired(5)
    with CaptureQueriesContext(connection) as captured:
        run("clearsessions", batch_size=2)
    deletes = [query["sql"] for query in captured if query["sql"].startswith("DELETE")]
    assert len(deletes) == 3
    assert not Session.objects.exists()


def test_a_session_that_is_extended_meanwhile_lives_on(
    db: None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = expired()
    delete_batch = SessionQuerySet.delete_batch

    def extended(sessions: SessionQuerySet, keys: list[Any], how: str) -> dict[str, int]:
        Session.objects.update(expire_date=timezone.now() + DAY)
        return delete_batch(sessions, keys, how)

    monkeypatch.setattr(SessionQuerySet, "delete_batch", extended)
    assert "Deleted 0 expired sessions." in run("clearsessions")
    assert [row.pk for row in Session.objects.all()] == [key]


def test_a_dry_run_counts_and_changes_nothing(
    alice: User, laptop: Browser, run: Run, settings: Settings
) -> None:
    settings.SESSION_BACKEND_RETENTION_DAYS = 30
    expired(2)
    (old,) = keep(last_activity=timezone.now() - 31 * DAY, **CLIENT)
    laptop.sign_in(alice)
    change_password(alice)
    printed = run("clearsessions", "--dry-run")
    assert printed.splitlines() == [
        "Would delete 2 expired sessions.",
        "Would delete 1 sessions that a password change had ended.",
        "Would forget the client of 1 sessions.",
    ]
    assert Session.objects.count() == 4
    assert Session.objects.get(city="Linköping").pk == old


# Sessions that a password change has ended


def test_sessions_from_before_a_password_change_go(
    alice: User, laptop: Browser, phone: Browser, run: Run
) -> None:
    phone.sign_in(make_user("bob"))
    laptop.sign_in(alice)
    change_password(alice)
    after = Browser(LAPTOP)
    after.force_login(alice)
    (anonymous,) = keep()

    printed = run("clearsessions", batch_size=1)

    assert "Deleted 1 sessions that a password change had ended." in printed
    left = {row.pk for row in Session.objects.all()}
    assert left == {phone.row.pk, after.row.pk, anonymous}


def test_an_ended_session_is_not_served_from_the_cache(
    alice: User, laptop: Browser, run: Run
) -> None:
    laptop.sign_in(alice)
    laptop.get("/account/sessions/")
    User.objects.update(password="set by hand")
    run("clearsessions")
    User.objects.update(password=alice.password)
    assert laptop.get("/account/sessions/").status_code == 302


def test_sessions_of_a_rotated_secret_key_stay(
    alice: User, laptop: Browser, run: Run, settings: Settings
) -> None:
    laptop.sign_in(alice)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one"
    assert "Deleted 0 sessions that a password" in run("clearsessions")
    assert laptop.row.user == alice


def test_a_process_with_another_secret_key_ends_nobodys_session(
    alice: User, laptop: Browser, run: Run, settings: Settings
) -> None:
    laptop.sign_in(alice)
    right = settings.SECRET_KEY
    settings.SECRET_KEY = "what a cron job without the site's environment has"
    assert "Deleted 0 sessions that a password" in run("clearsessions")
    settings.SECRET_KEY = right
    assert laptop.get("/account/sessions/").status_code == 200


def test_sessions_of_users_who_cannot_be_loaded_stay(
    alice: User, laptop: Browser, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.sign_in(alice)
    change_password(alice)
    suspended = SimpleNamespace(_default_manager=User.objects.exclude(pk=alice.pk))
    monkeypatch.setattr(clearsessions, "get_user_model", lambda: suspended)
    assert "Deleted 0 sessions that a password" in run("clearsessions")
    assert laptop.row.user == alice


# Retention


def test_the_client_of_sessions_long_unused_is_forgotten(
    db: None, run: Run, settings: Settings
) -> None:
    settings.SESSION_BACKEND_RETENTION_DAYS = 30
    (old,) = keep(last_activity=timezone.now() - 31 * DAY, **CLIENT)
    (recent,) = keep(last_activity=timezone.now() - 29 * DAY, **CLIENT)
    printed = run("clearsessions")
    assert "Forgot the client of 1 sessions." in printed
    assert client_of(old) == BLANK
    assert client_of(recent) == CLIENT
    assert "Forgot the client of 0 sessions." in run("clearsessions")


def test_without_the_setting_no_client_is_forgotten(db: None, run: Run) -> None:
    keep(last_activity=timezone.now() - 1000 * DAY, **CLIENT)
    assert "client" not in run("clearsessions")
    assert Session.objects.values(*CLIENT).get() == CLIENT


def test_a_session_that_is_used_meanwhile_keeps_its_client(
    db: None, run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SESSION_BACKEND_RETENTION_DAYS = 30
    keep(last_activity=timezone.now() - 31 * DAY, **CLIENT)
    batches = clearsessions.Command.batches

    def used(command: Any, sessions: SessionQuerySet) -> Any:
        for keys in batches(command, sessions):
            Session.objects.update(last_activity=timezone.now())
            yield keys

    monkeypatch.setattr(clearsessions.Command, "batches", used)
    assert "Forgot the client of 0 sessions." in run("clearsessions")
    assert Session.objects.values(*CLIENT).get() == CLIENT


# A site that has another engine still


def test_another_engine_is_cleared_as_djangos_command_does(
    db: None, run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SESSION_FILE_PATH = str(tmp_path)
    monkeypatch.delattr(FileStore, "_storage_path", raising=False)
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.file"
    store = FileStore()
    store.set_expiry(timezone.now() - DAY)
    store.create()
    store.set_expiry(timezone.now() - DAY)
    store.save()
    expired()
    run("clearsessions", "--dry-run")
    assert list(tmp_path.iterdir())
    run("clearsessions")
    assert not list(tmp_path.iterdir())
    assert not Session.objects.exists()
    monkeypatch.delattr(FileStore, "_storage_path", raising=False)


def test_another_engine_that_cannot_clear_is_no_error(
    db: None, run: Run, settings: Settings
) -> None:
    settings.SESSION_ENGINE = __name__
    expired()
    assert "Deleted 1 expired sessions." in run("clearsessions")
