from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from session_backend.conf import conf
from session_backend.models import Session
from session_backend.signals import session_ended, session_moved, session_started
from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser
from tests.session_backend.helpers import age_sessions, execute_before

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]


class Messages(list[dict[str, Any]]):
    def only(self) -> dict[str, Any]:
        (message,) = self
        return message


def messages_fixture(signal: Signal) -> Any:
    """Return a fixture that collects messages; its receiver raises, which must break nothing."""

    @pytest.fixture
    def messages() -> Iterator[Messages]:
        messages = Messages()

        def receiver(sender: Any, signal: Any, **kwargs: Any) -> None:
            messages.append({"sender": sender, **kwargs})
            raise RuntimeError("an error in a receiver")

        signal.connect(receiver)
        yield messages
        signal.disconnect(receiver)

    return messages


started = messages_fixture(session_started)
ended = messages_fixture(session_ended)
moved = messages_fixture(session_moved)


class TestStarted:
    def test_sign_in(self, started: Messages, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        laptop.get("/write/")
        message = started.only()
        assert message["sender"] is Session
        assert message["session"] == laptop.row
        assert message["session"].user == alice
        assert message["session"].device() == "Chrome on Windows"

    def test_sign_in_after_password_change(
        self, started: Messages, alice: Any, laptop: Browser
    ) -> None:
        laptop.sign_in(alice)
        # The same password gets another hash.
        alice.set_password(PASSWORD)
        alice.save()
        laptop.sign_in(alice)
        assert [message["session"].user for message in started] == [alice, alice]
        assert started[1]["session"] == laptop.row

    def test_not_sent_if_revoked_meanwhile(
        self, started: Messages, alice: Any, laptop: Browser
    ) -> None:
        with execute_before("SELECT", Session.objects.all().revoke, after="UPDATE"):
            laptop.sign_in(alice)
        assert started == []
        assert not Session.objects.exists()

    def test_not_sent_for_anonymous_visitor(
        self, started: Messages, db: None, laptop: Browser
    ) -> None:
        laptop.get("/write/")
        assert started == []


class TestEnded:
    def test_sign_out(self, ended: Messages, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        laptop.post("/accounts/logout/")
        message = ended.only()
        assert message["session"] == row
        assert message["session"].ip == LAPTOP["REMOTE_ADDR"]
        assert (message["reason"], message["by"]) == ("signed_out", None)

    def test_delete_by_digest(self, ended: Messages, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        conf.session_store(row.session_key).delete()
        assert ended.only()["reason"] == "revoked"

    def test_delete(self, ended: Messages, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        key = row.pk
        row.delete()
        message = ended.only()
        assert message["session"].pk == key
        assert (message["reason"], message["by"]) == ("revoked", None)
        row = laptop.sign_in(alice).row
        row.delete(using="default")
        assert len(ended) == 2

    def test_revoke(self, ended: Messages, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        assert row.revoke(by=alice)
        assert not row.revoke(by=alice)
        assert ended.only()["by"] == alice

    def test_revoke_others(
        self, ended: Messages, alice: Any, laptop: Browser, phone: Browser
    ) -> None:
        laptop.sign_in(alice)
        row = phone.sign_in(alice).row
        assert Session.objects.for_user(alice).others(laptop.key).revoke(by=alice) == 1
        message = ended.only()
        assert (message["session"], message["reason"], message["by"]) == (row, "revoked", alice)

    def test_concurrent_revocations_sent_once(
        self, ended: Messages, alice: Any, laptop: Browser
    ) -> None:
        row = laptop.sign_in(alice).row
        with execute_before("UPDATE", Session.objects.get(pk=row.pk).revoke):
            Session.objects.all().revoke(by=alice)
        assert ended.only()["session"] == row

    def test_not_sent_if_key_cycled_meanwhile(
        self, ended: Messages, alice: Any, laptop: Browser
    ) -> None:
        row = laptop.sign_in(alice).row
        store = conf.session_store(laptop.key)
        with execute_before("UPDATE", store.cycle_key):
            assert row.revoke() is False
        assert ended == []
        assert Session.objects.get().public_id == row.public_id

    def test_clear_expired(self, ended: Messages, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
        conf.session_store.clear_expired()
        assert ended.only()["reason"] == "expired"

    def test_not_sent_after_rollback(self, ended: Messages, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        with transaction.atomic():
            row.revoke()
            transaction.set_rollback(True)
        assert ended == []
        assert laptop.row == row

    def test_async_receiver(self, alice: Any, laptop: Browser) -> None:
        reasons: list[str] = []

        async def receiver(reason: str, **kwargs: Any) -> None:
            reasons.append(reason)

        session_ended.connect(receiver)
        try:
            laptop.sign_in(alice).post("/accounts/logout/")
        finally:
            session_ended.disconnect(receiver)
        assert reasons == ["signed_out"]


class TestMoved:
    def test_new_device(self, moved: Messages, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        age_sessions()
        laptop.get("/read/", **PHONE)
        message = moved.only()
        assert message["session"].device() == "Safari on iPhone"
        assert message["changes"]["browser"] == ("Chrome", "Safari")
        assert message["changes"]["os"] == ("Windows", "iOS")
        assert "country_code" not in message["changes"]

    def test_sent_by_save(self, moved: Messages, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        laptop.get("/write/", **PHONE)
        assert moved.only()["changes"]["device_type"] == ("desktop", "mobile")

    def test_not_sent_for_new_address(self, moved: Messages, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        age_sessions()
        laptop.get("/read/", REMOTE_ADDR="89.160.20.113")
        assert laptop.row.ip == "89.160.20.113"
        assert moved == []

    def test_not_sent_if_touched_meanwhile(
        self, moved: Messages, alice: Any, laptop: Browser
    ) -> None:
        laptop.sign_in(alice)
        age_sessions()
        store = conf.session_store(laptop.key, user_agent=PHONE["HTTP_USER_AGENT"])
        store.load()
        Session.objects.update(last_activity=timezone.now())
        store.touch()
        assert moved == []
