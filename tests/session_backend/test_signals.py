from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from session_backend.conf import conf
from session_backend.models import Session
from session_backend.signals import session_ended, session_moved, session_started
from tests.browsers import LAPTOP, PHONE, Browser

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site"),
]


class Listener:
    """Remembers what was sent, and raises: a receiver that fails must break nothing."""

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self.heard: list[dict[str, Any]] = []
        signal.connect(self.hear)

    def hear(self, sender: Any, signal: Any, **kwargs: Any) -> None:
        self.heard.append({"sender": sender, **kwargs})
        raise RuntimeError("a receiver's own fault")

    def only(self) -> dict[str, Any]:
        (message,) = self.heard
        return message


@pytest.fixture
def started() -> Iterator[Listener]:
    listener = Listener(session_started)
    yield listener
    session_started.disconnect(listener.hear)


@pytest.fixture
def ended() -> Iterator[Listener]:
    listener = Listener(session_ended)
    yield listener
    session_ended.disconnect(listener.hear)


@pytest.fixture
def moved() -> Iterator[Listener]:
    listener = Listener(session_moved)
    yield listener
    session_moved.disconnect(listener.hear)


def grow_old(row: Session) -> None:
    """Make the row's next stamp due, as a minute does."""
    cache.clear()
    seen = timezone.now() - timedelta(seconds=conf.activity_interval + 1)
    Session.objects.filter(pk=row.pk).update(last_activity=seen)


class TestStarted:
    def test_a_sign_in_is_announced_once(
        self, started: Listener, alice: Any, laptop: Browser
    ) -> None:
        laptop.sign_in(alice)
        laptop.get("/write/")
        message = started.only()
        assert message["sender"] is Session
        assert message["session"] == laptop.row
        assert message["session"].user == alice
        assert message["session"].device() == "Chrome on Windows"

    def test_a_visit_is_no_sign_in(self, started: Listener, db: None, laptop: Browser) -> None:
        laptop.get("/write/")
        assert started.heard == []


class TestEnded:
    def test_signing_out(self, ended: Listener, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        laptop.post("/accounts/logout/")
        message = ended.only()
        assert message["session"] == row
        assert message["session"].ip == LAPTOP["REMOTE_ADDR"]
        assert (message["how"], message["by"]) == ("signed_out", None)

    def test_a_digest_revokes(self, ended: Listener, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        conf.session_store(row.session_key).delete()
        assert ended.only()["how"] == "revoked"

    def test_a_row_that_is_deleted(self, ended: Listener, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        key = row.pk
        row.delete()
        message = ended.only()
        assert message["session"].pk == key
        assert (message["how"], message["by"]) == ("revoked", None)
        row = laptop.sign_in(alice).row
        row.delete(using="default")
        assert len(ended.heard) == 2

    def test_who_revokes(self, ended: Listener, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        assert row.end(by=alice)
        assert not row.end(by=alice)
        assert ended.only()["by"] == alice

    def test_all_others(self, ended: Listener, alice: Any, laptop: Browser, phone: Browser) -> None:
        laptop.sign_in(alice)
        gone = phone.sign_in(alice).row
        assert Session.objects.for_user(alice).others(laptop.key).end(by=alice) == 1
        message = ended.only()
        assert (message["session"], message["how"], message["by"]) == (gone, "revoked", alice)

    def test_what_has_expired(self, ended: Listener, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
        conf.session_store.clear_expired()
        assert ended.only()["how"] == "expired"

    def test_what_is_rolled_back_has_not_ended(
        self, ended: Listener, alice: Any, laptop: Browser
    ) -> None:
        row = laptop.sign_in(alice).row
        with transaction.atomic():
            row.end()
            transaction.set_rollback(True)
        assert ended.heard == []
        assert laptop.row == row


class TestMoved:
    def test_another_device(self, moved: Listener, alice: Any, laptop: Browser) -> None:
        grow_old(laptop.sign_in(alice).row)
        laptop.get("/read/", **PHONE)
        message = moved.only()
        assert message["session"].device() == "Safari on iPhone"
        assert message["changes"]["browser"] == ("Chrome", "Safari")
        assert message["changes"]["os"] == ("Windows", "iOS")
        assert "country_code" not in message["changes"]

    def test_by_a_write_too(self, moved: Listener, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        laptop.get("/write/", **PHONE)
        assert moved.only()["changes"]["device_type"] == ("desktop", "mobile")

    def test_another_address_is_no_move(self, moved: Listener, alice: Any, laptop: Browser) -> None:
        grow_old(laptop.sign_in(alice).row)
        laptop.get("/read/", REMOTE_ADDR="89.160.20.113")
        assert laptop.row.ip == "89.160.20.113"
        assert moved.heard == []

    def test_a_stamp_that_another_request_did_says_nothing(
        self, moved: Listener, alice: Any, laptop: Browser
    ) -> None:
        row = laptop.sign_in(alice).row
        grow_old(row)
        store = conf.session_store(laptop.key, user_agent=PHONE["HTTP_USER_AGENT"])
        store.load()
        Session.objects.update(last_activity=timezone.now())
        store.stamp()
        assert moved.heard == []


def test_a_coroutine_function_may_listen(alice: Any, laptop: Browser) -> None:
    heard: list[str] = []

    async def hear(how: str, **kwargs: Any) -> None:
        heard.append(how)

    session_ended.connect(hear)
    try:
        laptop.sign_in(alice).post("/accounts/logout/")
    finally:
        session_ended.disconnect(hear)
    assert heard == ["signed_out"]
