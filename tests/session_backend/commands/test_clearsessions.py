from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.file import SessionStore as FileStore
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.crypto import get_random_string

from session_backend.backends import db
from session_backend.fields import Digest
from session_backend.management.commands import clearsessions
from session_backend.models import PastSession, Session, SessionQuerySet
from session_backend.signals import session_ended
from tests.custom_sessions.models import Draft, ShopSession

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
    """A store without ``clear_expired()``; this module is its engine."""


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
    """Keep sessions that expired a day ago, a minute apart."""
    yesterday = timezone.now() - DAY
    minutes = (timedelta(minutes=minute) for minute in range(number))
    return [key for minute in minutes for key in keep(expire_date=yesterday + minute)]


@contextmanager
def listening() -> Iterator[list[tuple[str, str]]]:
    """Collect the key and the reason of each session that ends."""
    ended: list[tuple[str, str]] = []

    def receiver(session: Session, reason: str, **kwargs: Any) -> None:
        ended.append((session.pk, reason))

    session_ended.connect(receiver)
    try:
        yield ended
    finally:
        session_ended.disconnect(receiver)


def client_of(digest: str) -> dict[str, Any]:
    return dict(Session.objects.values(*CLIENT).get(pk=Digest(digest)))


def count(captured: CaptureQueriesContext, verb: str, model: type[Model]) -> int:
    """Count the statements that begin with this verb and this model's table."""
    start = f"{verb} {connection.ops.quote_name(model._meta.db_table)}"
    return sum(query["sql"].startswith(start) for query in captured)


# Expired sessions


def test_expired_sessions_deleted(db: None, run: Run) -> None:
    expired(2)
    (alive,) = keep()
    assert "Deleted 2 expired sessions." in run("clearsessions")
    assert [row.pk for row in Session.objects.all()] == [alive]
    assert "Deleted 0 expired sessions." in run("clearsessions")


def test_users_who_cannot_be_disabled(db: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (alive,) = keep()
    # A model without a column is_active.
    module = "session_backend.management.commands.clearsessions"
    monkeypatch.setattr(f"{module}.get_user_model", lambda: Session)
    assert "disabled" not in run("clearsessions")
    assert [row.pk for row in Session.objects.all()] == [alive]


def test_verbosity_0_prints_nothing(db: None, run: Run) -> None:
    expired(2)
    assert run("clearsessions", verbosity=0) == ""
    assert not Session.objects.exists()


@pytest.mark.parametrize(("number", "deletes"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_no_statement_takes_more_than_a_batch(
    db: None, run: Run, number: int, deletes: int
) -> None:
    expired(number)
    (alive,) = keep()
    with CaptureQueriesContext(connection) as captured:
        assert f"Deleted {number} expired" in run("clearsessions", batch_size=2)
    assert count(captured, "DELETE FROM", Session) == deletes
    assert [row.pk for row in Session.objects.all()] == [alive]


def test_sessions_that_expired_together_are_one_batch(db: None, run: Run) -> None:
    keep(5, expire_date=timezone.now() - DAY)
    assert "Deleted 5 expired" in run("clearsessions", batch_size=2)


@pytest.mark.usefixtures("no_history")
def test_no_keys_are_read(db: None, run: Run) -> None:
    expired(5)
    with CaptureQueriesContext(connection) as captured:
        run("clearsessions", batch_size=2)
    key = connection.ops.quote_name("session_key")
    # Those of users who are disabled are read: their cached sessions have to be invalidated.
    sent = [query["sql"] for query in captured if "is_active" not in query["sql"]]
    assert not [sql for sql in sent if key in sql]


@pytest.mark.parametrize("is_watched", [False, True])
def test_concurrently_extended_session_kept(
    db: None, run: Run, monkeypatch: pytest.MonkeyPatch, is_watched: bool
) -> None:
    (key,) = expired()
    clear = SessionQuerySet.clear

    def extended(sessions: SessionQuerySet) -> int:
        Session.objects.update(expire_date=timezone.now() + DAY)
        return clear(sessions)

    monkeypatch.setattr(SessionQuerySet, "clear", extended)
    with ExitStack() as stack:
        ended = stack.enter_context(listening()) if is_watched else []
        assert "Deleted 0 expired sessions." in run("clearsessions")
    assert not ended
    assert [row.pk for row in Session.objects.all()] == [key]


@pytest.mark.django_db(transaction=True)
def test_session_ended_sent(run: Run) -> None:
    keys = expired(3)
    with listening() as ended:
        assert "Deleted 3 expired sessions." in run("clearsessions", batch_size=2)
    assert sorted(ended) == sorted((key, "expired") for key in keys)


def test_delete_cascades(db: None, run: Run, settings: Settings) -> None:
    settings.SESSION_ENGINE = "tests.custom_sessions.engine"
    gone, alive = (
        ShopSession.objects.create(session_key=key, expire_date=timezone.now() + age)
        for key, age in {"1" * 32: -DAY, "2" * 32: DAY}.items()
    )
    for row in (gone, alive):
        Draft.objects.create(session=row)
    assert "Deleted 1 expired session." in run("clearsessions")
    assert [draft.session for draft in Draft.objects.all()] == [alive]


def test_a_dry_run_counts_and_changes_nothing(db: None, run: Run, settings: Settings) -> None:
    settings.SESSION_BACKEND_RETENTION_DAYS = 30
    expired(2)
    (old,) = keep(last_activity=timezone.now() - 31 * DAY, **CLIENT)
    ended(31)
    ended(31)
    ended(29, last_activity=timezone.now() - 31 * DAY, **CLIENT)
    printed = run("clearsessions", "--dry-run")
    assert printed.splitlines() == [
        "Would delete 2 expired sessions.",
        "Would delete 2 past sessions.",
        "Would blank the client of 2 unused sessions.",
    ]
    assert Session.objects.count() == 3
    assert PastSession.objects.count() == 3
    assert PastSession.objects.exclude(ip=None).count() == 1
    assert Session.objects.get(city="Linköping").pk == old


# Past sessions


def ended(days: float, **columns: Any) -> PastSession:
    """Keep a session of nobody that ended this number of days ago."""
    key = Digest.of(get_random_string(32))
    ended_at = timezone.now() - days * DAY
    return PastSession.objects.create(
        session_key=key, ended_at=ended_at, reason="revoked", **columns
    )


def test_past_sessions_are_forgotten(db: None, run: Run, settings: Settings) -> None:
    settings.SESSION_BACKEND_HISTORY_DAYS = 7
    ended(8)
    kept = [ended(6.9), ended(0)]
    printed = run("clearsessions")
    assert printed.splitlines() == ["Deleted 0 expired sessions.", "Deleted 1 past session."]
    assert set(PastSession.objects.all()) == set(kept)
    assert "Deleted 0 past sessions." in run("clearsessions")


def test_without_history_all_are_forgotten(db: None, run: Run, settings: Settings) -> None:
    settings.SESSION_BACKEND_HISTORY_DAYS = 0
    ended(0)
    ended(100)
    assert "Deleted 2 past sessions." in run("clearsessions")
    assert not PastSession.objects.exists()


def test_past_sessions_are_forgotten_in_batches(db: None, run: Run) -> None:
    for hours in range(5):
        ended(31 + hours / 24)
    with CaptureQueriesContext(connection) as captured:
        assert "Deleted 5 past sessions." in run("clearsessions", batch_size=2)
    assert count(captured, "DELETE FROM", PastSession) == 3


def test_the_client_of_past_sessions_is_blanked(db: None, run: Run, settings: Settings) -> None:
    settings.SESSION_BACKEND_RETENTION_DAYS = 10
    now = timezone.now()
    old = ended(9, last_activity=now - 11 * DAY, name="Laptop", **CLIENT)
    recent = ended(9, last_activity=now - 9 * DAY, **CLIENT)
    assert "Blanked the client of 1 unused session." in run("clearsessions")
    past = PastSession.objects.in_bulk()
    assert {name: getattr(past[old.pk], name) for name in CLIENT} == BLANK
    assert {name: getattr(past[recent.pk], name) for name in CLIENT} == CLIENT
    assert past[old.pk].name == "Laptop"


# Retention


def test_the_client_of_unused_sessions_is_blanked(db: None, run: Run, settings: Settings) -> None:
    settings.SESSION_BACKEND_RETENTION_DAYS = 30
    before = timezone.now()
    (old,) = keep(last_activity=before - 31 * DAY, updated_at=before - 31 * DAY, **CLIENT)
    (recent,) = keep(last_activity=before - 29 * DAY, updated_at=before - 29 * DAY, **CLIENT)
    assert "Blanked the client of 1 unused session." in run("clearsessions")
    assert client_of(old) == BLANK
    assert client_of(recent) == CLIENT
    # The version that lists and stores compare.
    updated = Session.objects.filter(updated_at__gte=before)
    assert [row.pk for row in updated] == [old]
    assert "Blanked the client of 0 unused sessions." in run("clearsessions")


def test_clients_are_blanked_in_batches(db: None, run: Run, settings: Settings) -> None:
    settings.SESSION_BACKEND_RETENTION_DAYS = 30
    keep(5, last_activity=timezone.now() - 31 * DAY, **CLIENT)
    with CaptureQueriesContext(connection) as captured:
        assert "Blanked the client of 5 unused sessions." in run("clearsessions", batch_size=2)
    assert count(captured, "UPDATE", Session) == 3
    assert not Session.objects.exclude(ip=None).exists()


def test_without_the_setting_no_client_is_blanked(db: None, run: Run) -> None:
    keep(last_activity=timezone.now() - 1000 * DAY, **CLIENT)
    assert "unused" not in run("clearsessions")
    assert Session.objects.values(*CLIENT).get() == CLIENT


def test_concurrently_used_session_keeps_client(
    db: None, run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SESSION_BACKEND_RETENTION_DAYS = 30
    keep(last_activity=timezone.now() - 31 * DAY, **CLIENT)
    batches = clearsessions.Command.batches

    def used(command: Any, sessions: SessionQuerySet, *args: str) -> Any:
        for batch in batches(command, sessions, *args):
            Session.objects.update(last_activity=timezone.now())
            yield batch

    monkeypatch.setattr(clearsessions.Command, "batches", used)
    assert "Blanked the client of 0 unused sessions." in run("clearsessions")
    assert Session.objects.values(*CLIENT).get() == CLIENT


# Another engine


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


def test_another_engine_without_clear_expired(db: None, run: Run, settings: Settings) -> None:
    settings.SESSION_ENGINE = __name__
    expired()
    assert "Deleted 1 expired session." in run("clearsessions")
