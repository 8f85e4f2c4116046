"""Timeouts, the limit of sessions, and accounts that are disabled."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import UpdateError
from django.core import serializers
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from session_backend.history import PastSession
from session_backend.models import Session
from session_backend.notice import COOKIE
from session_backend.signals import session_ended
from session_backend.sql import newest
from tests.browsers import LAPTOP, PASSWORD, PHONE, AsyncBrowser, Browser, make_user
from tests.session_backend.budget import statements
from tests.session_backend.helpers import execute_before, fail_on, open_store

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine", "recording"),
]

START = timezone.now()
IDLE, ABSOLUTE = 1800, 3600


@contextmanager
def at(seconds: float) -> Iterator[datetime]:
    """Set the clock to a number of seconds after the start, when the cache has expired."""
    now = START + timedelta(seconds=seconds)
    cache.clear()
    with patch("django.utils.timezone.now", return_value=now):
        yield now


@pytest.fixture
def idle(settings: Settings) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = IDLE


@pytest.fixture
def absolute(settings: Settings) -> None:
    settings.SESSION_BACKEND_ABSOLUTE_TIMEOUT = ABSOLUTE


def read(browser: Browser, seconds: float, path: str = "/read/") -> str:
    with at(seconds):
        return browser.get(path).content.decode()


def for_staff(user: Any) -> int | None:
    return 120 if user.is_staff else None


def one_for_staff(user: Any) -> int | None:
    return 1 if user.is_staff else None


# Idle timeout.


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("path", ["/read/", "/aread/", "/poll/", "/apoll/"])
@pytest.mark.parametrize("is_cached", [True, False])
def test_an_idle_session_opens_nothing_from_the_very_second(
    is_cached: bool, path: str, alice: Any, laptop: Browser
) -> None:
    with at(0):
        laptop.sign_in(alice)
    row = laptop.row
    assert read(laptop, IDLE - 1, "/poll/") == "alice: 0"
    with at(IDLE) as now:
        if is_cached:
            # As if another process had cached it just before.
            open_store(laptop.key).load()
        assert laptop.get(path).content == b"anonymous: 0"
        assert laptop.get("/read/").content == b"anonymous: 0"
    past = PastSession.objects.get()
    assert (past.public_id, past.reason, past.ended_at) == (row.public_id, "idle", now)
    assert not Session.objects.exists()


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("path", ["/read/", "/aread/"])
def test_the_asynchronous_client_is_told_too(path: str, alice: Any, laptop: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    browser = AsyncBrowser(LAPTOP)
    browser.cookies = laptop.cookies
    with at(IDLE):
        response = browser.get(path)
    assert response.content == b"anonymous: 0"
    assert response.cookies[COOKIE].value.startswith("idle:")
    assert response.cookies["sessionid"]["max-age"] == 0


@pytest.mark.usefixtures("idle", "no_history")
def test_the_reason_is_told_without_a_history(alice: Any, laptop: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    with at(IDLE):
        assert laptop.get("/read/").cookies[COOKIE].value.startswith("idle:")


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("path", ["/read/", "/write/", "/aread/", "/awrite/"])
def test_activity_puts_the_timeout_off(path: str, alice: Any, laptop: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    for moment in (IDLE - 1, 2 * IDLE - 2, 3 * IDLE - 3):
        assert read(laptop, moment, path).startswith("alice")
        assert Session.objects.get().idle_expires_at == START + timedelta(seconds=moment + IDLE)
    assert read(laptop, 4 * IDLE - 3) == "anonymous: 0"


@pytest.mark.usefixtures("idle")
def test_background_requests_do_not_put_it_off(alice: Any, laptop: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    before = Session.objects.get().idle_expires_at
    for moment in (600, 1200, IDLE - 1):
        assert read(laptop, moment, "/poll/").startswith("alice")
        assert read(laptop, moment, "/background-write/").startswith("alice")
    assert Session.objects.get().idle_expires_at == before
    assert read(laptop, IDLE) == "anonymous: 0"


@pytest.mark.usefixtures("idle")
def test_a_session_that_is_idle_is_in_no_list(alice: Any, laptop: Browser, phone: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    with at(10) as now:
        phone.sign_in(alice)
        mine = Session.objects.for_user(alice).active()
        beside = (Session.objects.all(), alice, phone.row.pk, now)
        assert mine.count() == 2
        assert newest(*beside, ("last_activity",))[0] == 1  # type: ignore[index]
    with at(IDLE) as now:
        assert [row.pk for row in Session.objects.for_user(alice).active()] == [phone.row.pk]
        assert newest(*beside[:3], now, ("last_activity",))[0] == 0  # type: ignore[index]


@pytest.mark.usefixtures("idle")
def test_anonymous_sessions_do_not_time_out(laptop: Browser) -> None:
    with at(0):
        laptop.get("/write/")
    assert Session.objects.get().idle_expires_at is None
    assert read(laptop, 10 * IDLE) == "anonymous: 1"


def test_a_timeout_that_is_new_begins_with_the_next_touch(
    alice: Any, laptop: Browser, settings: Settings
) -> None:
    with at(0):
        laptop.sign_in(alice)
    settings.SESSION_BACKEND_IDLE_TIMEOUT = IDLE
    assert read(laptop, 2 * IDLE) == "alice: 0"
    settings.SESSION_BACKEND_IDLE_TIMEOUT = None
    # Nobody comes back by a change of the setting.
    assert read(laptop, 3 * IDLE) == "anonymous: 0"


def test_a_timeout_that_is_taken_away(alice: Any, laptop: Browser, settings: Settings) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = IDLE
    with at(0):
        laptop.sign_in(alice)
    settings.SESSION_BACKEND_IDLE_TIMEOUT = None
    assert read(laptop, 100) == "alice: 0"
    assert Session.objects.get().idle_expires_at is None


def test_a_timeout_for_some_users(settings: Settings) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = f"{__name__}.for_staff"
    boss, clerk = Browser(LAPTOP), Browser(PHONE)
    with at(0):
        boss.sign_in(make_user("boss", is_staff=True))
        clerk.sign_in(make_user("clerk"))
    assert read(boss, 119) == "boss: 0"
    assert read(boss, 239) == "anonymous: 0"
    assert read(clerk, 3 * IDLE) == "clerk: 0"


def test_a_timeout_for_a_user_who_is_gone(alice: Any, settings: Settings) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = f"{__name__}.for_staff"
    store = open_store()
    store["_auth_user_id"] = str(alice.pk)
    alice.delete()
    store.save()
    assert store.idle_expires_at is None


@pytest.mark.usefixtures("idle")
def test_a_touch_before_the_end_wins(alice: Any, laptop: Browser) -> None:
    # Two requests at the end: one opened the session before, the other reads it after.
    with at(0):
        laptop.sign_in(alice)
    with at(IDLE - 1):
        early = open_store(laptop.key)
        early.load()
    with at(IDLE), execute_before("INSERT", early.touch):
        late = open_store(laptop.key)
        assert late.load()["_auth_user_id"] == str(alice.pk)
    assert not PastSession.objects.exists()


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("how", ["touch", "save"])
def test_a_request_does_not_bring_back_what_another_found_idle(
    how: str, alice: Any, laptop: Browser
) -> None:
    with at(0):
        laptop.sign_in(alice)
    with at(IDLE - 1):
        early = open_store(laptop.key)
        early.load()
    with at(IDLE):
        assert open_store(laptop.key).load() == {}
        if how == "touch":
            early.touch()
        else:
            with pytest.raises(UpdateError):
                early.save()
        assert open_store(laptop.key).load() == {}
    assert [past.reason for past in PastSession.objects.all()] == ["idle"]


@pytest.mark.usefixtures("idle")
def test_clocks_that_differ_by_two_minutes(alice: Any, laptop: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    # Requests in turns to a machine that is right, and to one two minutes ahead.
    for moment in range(0, 2 * IDLE, 600):
        assert read(laptop, moment) == "alice: 0"
        assert read(laptop, moment + 120) == "alice: 0"
    last = moment + 120
    assert read(laptop, last + IDLE) == "anonymous: 0"


@pytest.mark.usefixtures("idle")
def test_a_store_says_when(alice: Any) -> None:
    store = open_store()
    authenticated_at = async_to_sync(store.aauthenticated_at)
    idle_expires_at = async_to_sync(store.aidle_expires_at)
    assert authenticated_at() is None
    assert idle_expires_at() is None
    store["_auth_user_id"] = str(alice.pk)
    assert authenticated_at() is not None
    with at(0) as now:
        store.save()
    assert authenticated_at() == now
    assert idle_expires_at() == now + timedelta(seconds=IDLE)


# clearsessions.


@pytest.mark.usefixtures("idle")
def test_clearsessions_deletes_idle_sessions(alice: Any, laptop: Browser, phone: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    with at(10):
        phone.sign_in(alice)
    with at(IDLE + 5):
        call_command("clearsessions", verbosity=0)
    assert [row.pk for row in Session.objects.all()] == [phone.row.pk]
    past = PastSession.objects.get()
    assert (past.reason, past.ended_at) == ("idle", START + timedelta(seconds=IDLE))


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("receives", [False, True])
def test_clearsessions_tells_which_time_passed_first(
    receives: bool, alice: Any, laptop: Browser, phone: Browser, settings: Settings
) -> None:
    with at(0):
        laptop.sign_in(alice)
        settings.SESSION_COOKIE_AGE = 60
        phone.sign_in(alice)
    reasons = []

    def receive(reason: str, **kwargs: Any) -> None:
        reasons.append(reason)

    if receives:
        session_ended.connect(receive)
    with at(20 * 24 * 60 * 60):
        call_command("clearsessions", verbosity=0)
    session_ended.disconnect(receive)
    assert {past.reason for past in PastSession.objects.all()} == {"idle", "expired"}
    assert sorted(reasons) == (["expired", "idle"] if receives else [])


@pytest.mark.usefixtures("idle")
def test_what_was_idle_longer_ago_than_the_history_goes(alice: Any, laptop: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    with at(31 * 24 * 60 * 60):
        call_command("clearsessions", verbosity=0)
    assert not Session.objects.exists()
    assert not PastSession.objects.exists()


@pytest.mark.usefixtures("idle")
def test_the_reason_of_a_session_that_would_have_expired_since(alice: Any, laptop: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    with at(20 * 24 * 60 * 60):
        assert laptop.get("/read/").cookies[COOKIE].value.startswith("idle:")


# Absolute timeout.


@pytest.mark.usefixtures("absolute")
@pytest.mark.parametrize("path", ["/read/", "/write/", "/cycle/"])
def test_activity_does_not_put_off_the_absolute_timeout(
    path: str, alice: Any, laptop: Browser, settings: Settings
) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    with at(0):
        laptop.sign_in(alice)
    for moment in (600, 1800, ABSOLUTE - 1):
        assert read(laptop, moment, path).startswith("alice")
    with at(ABSOLUTE):
        assert laptop.get("/read/").content == b"anonymous: 0"
    assert not Session.objects.active().filter(expire_date__gt=START + timedelta(hours=1)).exists()


@pytest.mark.usefixtures("absolute")
def test_a_cookie_that_lives_shorter(alice: Any, laptop: Browser, settings: Settings) -> None:
    settings.SESSION_COOKIE_AGE = 60
    with at(0) as now:
        laptop.sign_in(alice)
    assert Session.objects.get().expire_date == now + timedelta(seconds=60)


@pytest.mark.usefixtures("absolute")
def test_who_signs_in_again_begins_anew(alice: Any, laptop: Browser) -> None:
    with at(0):
        laptop.sign_in(alice)
    first = Session.objects.get()
    with at(ABSOLUTE - 10) as now:
        laptop.sign_in(alice)
    row = Session.objects.get()
    assert (row.public_id, row.created_at) == (first.public_id, first.created_at)
    assert row.authenticated_at == now
    assert read(laptop, 2 * ABSOLUTE - 20) == "alice: 0"
    assert read(laptop, 2 * ABSOLUTE - 10) == "anonymous: 0"


@pytest.mark.usefixtures("absolute")
def test_anonymous_sessions_are_not_capped(laptop: Browser) -> None:
    with at(0):
        laptop.get("/write/")
    assert read(laptop, 2 * ABSOLUTE) == "anonymous: 1"


# How many.


def test_the_least_recently_used_session_ends(alice: Any, settings: Settings) -> None:
    settings.SESSION_BACKEND_MAX_SESSIONS = 3
    browsers = [Browser(LAPTOP) for _ in range(4)]
    other = Browser(PHONE)
    with at(0):
        other.sign_in(make_user("bob"))
    for number, browser in enumerate(browsers[:3]):
        with at(number):
            browser.sign_in(alice)
    assert read(browsers[0], 100) == "alice: 0"
    with at(200):
        browsers[3].sign_in(alice)
        assert [b.get("/read/").content for b in browsers] == [
            *(b"alice: 0", b"anonymous: 0", b"alice: 0", b"alice: 0")
        ]
        assert other.get("/read/").content == b"bob: 0"
    assert [past.reason for past in PastSession.objects.all()] == ["limit"]


def test_signing_in_again_ends_nothing(alice: Any, laptop: Browser, settings: Settings) -> None:
    settings.SESSION_BACKEND_MAX_SESSIONS = 1
    for _ in range(3):
        laptop.sign_in(alice)
    assert not PastSession.objects.exists()
    assert laptop.get("/read/").content == b"alice: 0"


def test_a_limit_for_some_users(laptop: Browser, phone: Browser, settings: Settings) -> None:
    settings.SESSION_BACKEND_MAX_SESSIONS = f"{__name__}.one_for_staff"
    for user in (make_user("boss", is_staff=True), make_user("clerk")):
        for browser in (laptop, phone):
            browser.sign_in(user)
    boss, clerk = (get_user_model().objects.get(username=name) for name in ("boss", "clerk"))
    assert clerk.session_set.count() == 2
    assert boss.session_set.count() == 0


def test_the_limit_takes_one_select(alice: Any, laptop: Browser, settings: Settings) -> None:
    settings.SESSION_BACKEND_HISTORY_DAYS = 0
    settings.SESSION_BACKEND_MAX_SESSIONS = 3
    with statements() as sent:
        laptop.sign_in(alice)
    assert sent == ["INSERT", "UPDATE", "SELECT"]


def test_a_database_that_fails_then_breaks_no_sign_in(
    alice: Any, laptop: Browser, phone: Browser, settings: Settings
) -> None:
    settings.SESSION_BACKEND_MAX_SESSIONS = 1
    laptop.sign_in(alice)
    with connection.execute_wrapper(fail_on("DELETE")):
        phone.sign_in(alice)
    assert phone.get("/read/").content == b"alice: 0"
    assert alice.session_set.count() == 2


def test_two_sign_ins_at_once(alice: Any, settings: Settings) -> None:
    # Each in a transaction, such as that of ATOMIC_REQUESTS, which does not see the other.
    settings.SESSION_BACKEND_MAX_SESSIONS = 1
    first, second = Browser(LAPTOP), Browser(PHONE)
    with at(0), transaction.atomic():
        first.sign_in(alice)
        assert Session.objects.count() == 1
        with at(1):
            second.sign_in(alice)
        assert Session.objects.count() == 2
    assert Session.objects.count() == 1
    assert first.get("/read/").content == b"anonymous: 0"


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite writes one after another")
def test_twenty_sign_ins_at_once(alice: Any, settings: Settings) -> None:
    settings.SESSION_BACKEND_MAX_SESSIONS = 3
    bob = make_user("bob")
    browsers = [Browser(LAPTOP) for _ in range(21)]

    def sign_in(browser: Browser) -> None:
        try:
            browser.sign_in(bob if browser is browsers[-1] else alice)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(sign_in, browsers))
    kept = alice.session_set.order_by("last_activity")
    assert len(kept) == 3
    ended = PastSession.objects.filter(user=alice.pk, reason="limit")
    assert ended.count() == 17
    assert max(past.last_activity for past in ended) <= kept[0].last_activity
    assert bob.session_set.count() == 1


# Disabled accounts.


def test_a_disabled_user_has_no_sessions(alice: Any, laptop: Browser, phone: Browser) -> None:
    laptop.sign_in(alice)
    phone.sign_in(make_user("bob"))
    alice.is_active = False
    alice.save()
    assert laptop.get("/read/").content == b"anonymous: 0"
    assert PastSession.objects.get().reason == "account_disabled"
    alice.is_active = True
    alice.save()
    assert laptop.get("/read/").content == b"anonymous: 0"
    assert phone.get("/read/").content == b"bob: 0"


def test_a_new_user_who_is_inactive_costs_nothing(alice: Any) -> None:
    with statements() as sent:
        make_user("carol", is_active=False)
    assert sent == []
    alice.is_active = False
    text = serializers.serialize("json", [alice])
    with statements() as sent:
        for fixture in serializers.deserialize("json", text):
            fixture.save()
    assert "SELECT" not in sent


def test_clearsessions_ends_those_of_a_bulk_update(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    get_user_model().objects.update(is_active=False)
    call_command("clearsessions", "--dry-run", verbosity=0)
    assert Session.objects.exists()
    call_command("clearsessions", verbosity=0)
    assert not Session.objects.exists()
    assert PastSession.objects.get().reason == "account_disabled"


# Clear-Site-Data.


@pytest.fixture
def clearing(settings: Settings) -> None:
    settings.SESSION_BACKEND_CLEAR_SITE_DATA = ["cache", "storage"]


@pytest.mark.usefixtures("clearing")
def test_browsers_delete_what_they_keep_when_a_session_ends(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    assert "Clear-Site-Data" not in laptop.get("/read/")
    assert laptop.post("/accounts/logout/")["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in laptop.get("/read/")


@pytest.mark.usefixtures("clearing")
def test_the_first_answer_to_a_revoked_cookie(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice).row.revoke()
    assert laptop.get("/read/")["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in laptop.get("/read/")


@pytest.mark.usefixtures("clearing")
def test_a_sign_in_deletes_nothing(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice).row.revoke()
    response = laptop.post("/accounts/login/", {"username": "alice", "password": PASSWORD})
    assert response.status_code == 302
    assert "Clear-Site-Data" not in response


def test_by_default_they_keep_it(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    assert "Clear-Site-Data" not in laptop.post("/accounts/logout/")
