from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import CommandError
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from session_backend import legacy
from session_backend.backends import cached_db
from session_backend.backends.db import SessionStore
from session_backend.fields import Digest
from session_backend.legacy import SOURCES, revoke_legacy_sessions
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, Browser, make_user
from tests.custom_sessions.models import VipSession
from tests.session_backend.caches import RecordingCache
from tests.session_backend.peers import ALLAUTH, PEERS, ReprSerializer, created, keep, signed_in

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker, Settings

Run = Callable[..., str]
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", autouse=True)
def _tables(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), created(*PEERS.values()):
        yield


@pytest.fixture(scope="module")
def allauth(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), created(ALLAUTH):
        yield


def browser_with(key: str, device: dict[str, str] = LAPTOP) -> Browser:
    browser = Browser(device)
    browser.cookies["sessionid"] = key
    return browser


def knows(browser: Browser) -> bool:
    """Return whether the browser is signed in."""
    return browser.get("/account/sessions/").status_code == 200


def left_in(label: str) -> int:
    return PEERS[label]._base_manager.count()


# What is moved


@pytest.mark.parametrize("label", PEERS)
def test_everyone_stays_signed_in(label: str, alice: User, run: Run) -> None:
    row = keep(label, signed_in(alice, cart=[1, 2]))
    printed = run("migratesessions", "--from", label)
    assert printed == f"Moved 1 session from {row._meta.db_table}.\n"
    assert left_in(label) == 0
    browser = browser_with(row.pk)
    assert knows(browser)
    assert browser.row.user == alice
    assert browser.row.expire_date == row.expire_date
    assert browser.row.get_decoded()["cart"] == [1, 2]
    assert run("migratesessions", "--from", label) == printed.replace("1 session", "0 sessions")


def test_verbosity_0_prints_nothing(alice: User, run: Run) -> None:
    keep("sessions", signed_in(alice))
    assert run("migratesessions", "--from=sessions", verbosity=0) == ""
    assert Session.objects.count() == 1


def test_the_columns_of_the_table_are_kept(alice: User, run: Run) -> None:
    now = timezone.now()
    device = "iPhone / iOS 18.5 / Mobile Safari 18.5"
    client = {"ip": PHONE["REMOTE_ADDR"], "user_agent": PHONE["HTTP_USER_AGENT"]}
    seen = {"created_at": now - 3 * HOUR, "updated_at": now - HOUR}
    keep("user_sessions", {"from": "user_sessions"}, **client, last_activity=now)
    keep("qsessions", {"from": "qsessions"}, **client, **seen)
    keep("django_user_sessions_ng", {"from": "ng"}, ip=client["ip"], device=device, **seen)
    for label in ("user_sessions", "qsessions", "django_user_sessions_ng"):
        run("migratesessions", "--from", label)
    rows = {row.get_decoded()["from"]: row for row in Session.objects.all()}
    assert {row.device() for row in rows.values()} == {"Safari on iPhone"}
    assert {row.ip for row in rows.values()} == {client["ip"]}
    assert rows["user_sessions"].last_activity == now
    assert rows["qsessions"].user_agent == client["user_agent"]
    for name in ("qsessions", "ng"):
        assert rows[name].created_at == now - 3 * HOUR
        assert rows[name].updated_at == rows[name].last_activity == now - HOUR


def test_the_owner_is_read_from_the_data(alice: User, run: Run) -> None:
    keep("qsessions", signed_in(alice), user_id=None)
    keep("qsessions", {"n": 1}, user_id=alice.pk)
    run("migratesessions", "--from=qsessions")
    owners = {row.get_decoded().get("n"): row.user for row in Session.objects.all()}
    assert owners == {None: alice, 1: None}


def test_another_serializer(alice: User, run: Run) -> None:
    keep("sessions", {"n": 1}, serializer=ReprSerializer)
    assert "Skipped 1 session: unreadable" in run("migratesessions", "--from=sessions")
    path = "tests.session_backend.peers.ReprSerializer"
    assert "Moved 1" in run("migratesessions", "--from=sessions", f"--serializer={path}")
    assert Session.objects.get().get_decoded() == {"n": 1}


def test_each_batch_is_one_delete(alice: User, run: Run) -> None:
    for _ in range(5):
        keep("sessions", signed_in(alice))
    with CaptureQueriesContext(connection) as captured:
        assert "Moved 5" in run("migratesessions", "--from=sessions", batch_size=2)
    table = connection.ops.quote_name(PEERS["sessions"]._meta.db_table)
    deletes = [query for query in captured if query["sql"].startswith(f"DELETE FROM {table}")]
    assert len(deletes) == 3


# What is skipped


def test_skipped_sessions_counted_and_kept(alice: User, run: Run) -> None:
    keep("sessions", signed_in(alice), expire_date=timezone.now() - HOUR)
    keep("sessions", signed_in(alice), session_data="broken")
    keep("sessions", {SESSION_KEY: str(alice.pk + 1)})
    keep("sessions", ["no", "dictionary"])  # type: ignore[arg-type]
    keep("sessions", signed_in(alice))
    printed = run("migratesessions", "--from=sessions")
    assert [line.partition(" (")[0] for line in printed.splitlines()] == [
        "Moved 1 session from django_session.",
        "Skipped 1 session: expired.",
        "Skipped 2 sessions: unreadable",
        "Skipped 1 session: the user no longer exists.",
    ]
    assert left_in("sessions") == 4


def test_a_missing_table_is_an_error(db: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "qsessions", SOURCES["qsessions"]._replace(table="nowhere"))
    with pytest.raises(CommandError, match=r"no table nowhere.*--database"):
        run("migratesessions", "--from=qsessions")


def test_an_unknown_app_is_an_error(db: None, run: Run) -> None:
    with pytest.raises(CommandError, match="invalid choice: 'cookies'"):
        run("migratesessions", "--from=cookies")


# allauth's usersessions


def test_client_read_from_allauth(allauth: None, alice: User, run: Run) -> None:
    now = timezone.now()
    client = {"ip": PHONE["REMOTE_ADDR"], "user_agent": PHONE["HTTP_USER_AGENT"]}
    known, unknown = keep("sessions", signed_in(alice)), keep("sessions", {"n": 1})
    ALLAUTH._base_manager.create(
        session_key=known.pk, user_id=alice.pk, created_at=now - HOUR, last_seen_at=now, **client
    )
    printed = run("migratesessions", "--from=sessions")
    assert "usersessions_usersession has the client of 1 of them" in printed
    row = Session.objects.get(user=alice)
    assert (row.ip, row.user_agent) == (client["ip"], client["user_agent"])
    assert row.device() == "Safari on iPhone"
    assert (row.created_at, row.last_activity) == (now - HOUR, now)
    assert Session.objects.get(pk=unknown.pk).ip is None


def test_the_table_has_precedence_over_allauth(allauth: None, alice: User, run: Run) -> None:
    row = keep("qsessions", {"n": 1}, ip="89.160.20.112", updated_at=timezone.now())
    ALLAUTH._base_manager.create(session_key=row.pk, ip="2.125.160.216", user_agent="curl/8.0")
    run("migratesessions", "--from=qsessions")
    assert Session.objects.get().ip == "89.160.20.112"
    assert Session.objects.get().browser == "curl"


# Revocation


def test_moved_session_can_be_revoked(alice: User, run: Run) -> None:
    row = keep("sessions", signed_in(alice))
    run("migratesessions", "--from=sessions")
    Session.objects.for_user(alice).revoke()
    run("migratesessions", "--from=sessions")
    assert not knows(browser_with(row.pk))
    assert not Session.objects.exists()


def test_moved_sessions_are_deleted_from_the_cache_of_the_old_engine(alice: User, run: Run) -> None:
    row = keep("sessions", signed_in(alice))
    entry = f"django.contrib.sessions.cached_db{row.pk}"
    cache.set(entry, signed_in(alice))
    run("migratesessions", "--from=sessions", "--dry-run")
    run("migratesessions", "--from=sessions", "--copy")
    assert cache.get(entry) is not None
    run("migratesessions", "--from=sessions")
    assert cache.get(entry) is None


def test_cache_failure_logged(
    alice: User,
    run: Run,
    recording: type[RecordingCache],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keep("sessions", signed_in(alice))
    monkeypatch.setattr(recording, "is_down", True)
    assert "Moved 1" in run("migratesessions", "--from=sessions")
    assert "still holds some sessions" in caplog.text


def test_concurrently_deleted_row_not_moved(
    alice: User, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = keep("sessions", {"n": 1}), keep("sessions", {"n": 2})

    claimed = legacy._claimed

    def late(rows: models.QuerySet[Any]) -> list[Any]:
        PEERS["sessions"]._base_manager.filter(pk=gone.pk).delete()
        return claimed(rows)

    monkeypatch.setattr(legacy, "_claimed", late)
    assert "Moved 1" in run("migratesessions", "--from=sessions")
    assert [row.pk for row in Session.objects.all()] == [Digest.of(kept.pk)]


def test_revoked_sessions_deleted_from_old_table(alice: User, run: Run, settings: Settings) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.db"
    keep("sessions", signed_in(alice))
    keep("sessions", signed_in(make_user("bob")))
    revoke_legacy_sessions(alice)
    assert run("migratesessions", "--from=sessions").splitlines() == [
        "Moved 1 session from django_session.",
        "Skipped 1 session: revoked here (the user signed out everywhere else).",
    ]
    assert left_in("sessions") == 0
    assert not Session.objects.filter(user=alice).exists()


# Rehearsals, and sessions that are here already


def test_a_dry_run_changes_nothing(alice: User, run: Run) -> None:
    keep("sessions", signed_in(alice))
    keep("sessions", signed_in(alice), session_data="broken")
    printed = run("migratesessions", "--from=sessions", "--dry-run")
    assert printed.startswith(
        "Would have moved 1 session from django_session.\nSkipped 1 session: unreadable"
    )
    assert left_in("sessions") == 2
    assert not Session.objects.exists()


def test_a_copy_leaves_the_old_rows(alice: User, run: Run) -> None:
    keep("sessions", signed_in(alice))
    printed = run("migratesessions", "--from=sessions", "--copy")
    assert printed.startswith("Copied 1 session from django_session.\ndjango_session still holds")
    assert left_in("sessions") == Session.objects.count() == 1
    assert "Skipped 1 session: already here." in run("migratesessions", "--from=sessions", "--copy")
    printed = run("migratesessions", "--from=sessions")
    assert printed.startswith(
        "Moved 0 sessions from django_session.\nSkipped 1 session: already here."
    )
    assert left_in("sessions") == 0
    assert Session.objects.count() == 1


def test_sessions_written_after_copy_moved(alice: User, run: Run) -> None:
    row = keep("qsessions", signed_in(alice, n=1), updated_at=timezone.now() - HOUR)
    run("migratesessions", "--from=qsessions", "--copy")
    later = keep("qsessions", signed_in(alice, n=2), updated_at=timezone.now())
    PEERS["qsessions"]._base_manager.filter(pk=row.pk).update(
        session_data=later.session_data, updated_at=later.updated_at
    )
    browser = browser_with(row.pk)
    assert knows(browser)
    PEERS["qsessions"]._base_manager.filter(pk=row.pk).update(updated_at=timezone.now())
    assert "Moved 2 sessions" in run("migratesessions", "--from=qsessions")
    # Even if the cache has the older version.
    assert cached_db.SessionStore(row.pk)["n"] == SessionStore(row.pk)["n"] == 2


def test_newer_sessions_not_overwritten_after_copy(alice: User, run: Run) -> None:
    row = keep("qsessions", {"n": 1}, updated_at=timezone.now() - HOUR)
    run("migratesessions", "--from=qsessions", "--copy")
    store = SessionStore(row.pk)
    store["n"] = 3
    store.save()
    assert "Skipped 1 session: already here." in run("migratesessions", "--from=qsessions")
    assert SessionStore(row.pk)["n"] == 3
    assert left_in("qsessions") == 0


def test_a_copy_is_refused_while_sessions_are_adopted(
    db: None, run: Run, settings: Settings
) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.db"
    with pytest.raises(CommandError, match="would be adopted from there"):
        run("migratesessions", "--from=sessions", "--copy")


def test_users_kept(alice: User, run: Run) -> None:
    mine, theirs = keep("sessions", signed_in(alice)), keep("sessions", signed_in(make_user("bob")))
    run("migratesessions", "--from=sessions")
    assert browser_with(mine.pk).row.user == alice
    assert browser_with(theirs.pk).row.user != alice


def test_a_model_of_two_tables(alice: User, run: Run, settings: Settings) -> None:
    settings.SESSION_ENGINE = "tests.custom_sessions.vip"
    key = keep("sessions", signed_in(alice)).pk
    assert "Moved 1 session" in run("migratesessions", "--from=sessions")
    assert VipSession.objects.get(pk=key).table == "by the window"
