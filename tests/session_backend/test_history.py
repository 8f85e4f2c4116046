"""What ends a session of a user keeps it in the history, once and with its reason."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.utils import timezone

from session_backend.conf import conf
from session_backend.models import PastSession, Session
from session_backend.signals import session_ended
from tests.browsers import LAPTOP, Browser, make_user
from tests.custom_sessions.models import VipSession
from tests.session_backend.budget import statements
from tests.session_backend.helpers import execute_before

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site", "engine")]


@pytest.fixture(params=["watched", "unwatched"], autouse=True)
def watched(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Run each test with a receiver of session_ended and without; yield the reasons it got."""
    reasons: list[str] = []

    def receive(reason: str, **kwargs: Any) -> None:
        reasons.append(reason)

    if request.param == "watched":
        session_ended.connect(receive)
    yield reasons
    session_ended.disconnect(receive)
    assert request.param != "watched" or reasons == [past.reason for past in history()]


@pytest.fixture
def bob() -> Any:
    return make_user("bob")


def history() -> list[PastSession]:
    return list(PastSession.objects.order_by("ended_at"))


def test_sign_out(alice: Any, laptop: Browser) -> None:
    row = laptop.sign_in(alice).row
    before = timezone.now()
    laptop.post("/accounts/logout/")
    (past,) = history()
    assert (past.reason, past.user, past.ended_by) == ("signed_out", alice, None)
    assert past.pk == row.pk
    assert past.public_id == row.public_id
    assert before <= past.ended_at <= timezone.now()
    for field in ("created_at", "ip", "user_agent", "browser", "os", "device_id"):
        assert getattr(past, field) == getattr(row, field)


@pytest.mark.parametrize("through", ["row", "queryset"])
@pytest.mark.parametrize(
    ("who", "reason"), [("alice", "revoked"), ("bob", "revoked_by_staff"), ("nobody", "revoked")]
)
def test_revoke(through: str, who: str, reason: str, alice: Any, bob: Any, laptop: Browser) -> None:
    row = laptop.sign_in(alice).row
    by = {"alice": alice, "bob": bob, "nobody": None}[who]
    (row if through == "row" else Session.objects.filter(user=alice)).revoke(by=by)
    (past,) = history()
    assert (past.reason, past.ended_by) == (reason, by)


def test_revoke_with_a_reason(alice: Any, bob: Any, laptop: Browser) -> None:
    laptop.sign_in(alice).row.revoke(by=bob, reason="password_changed")
    (past,) = history()
    assert (past.reason, past.ended_by) == ("password_changed", bob)


def test_delete(alice: Any, laptop: Browser, phone: Browser) -> None:
    laptop.sign_in(alice).row.delete()
    phone.sign_in(alice)
    Session.objects.all().delete()
    assert [past.reason for past in history()] == ["revoked", "revoked"]


def test_delete_by_digest(alice: Any, laptop: Browser) -> None:
    row = laptop.sign_in(alice).row
    conf.session_store(row.pk).delete()
    assert [past.reason for past in history()] == ["revoked"]


def test_password_change(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    alice.set_password("something else")
    alice.save()
    laptop.get("/account/sessions/")
    assert [past.reason for past in history()] == ["password_changed"]
    assert laptop.cookies["session_ended"].value.startswith("password_changed:")


def test_another_user_signs_in(alice: Any, bob: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    laptop.sign_in(bob)
    assert [(past.user, past.reason) for past in history()] == [(alice, "signed_out")]


def test_expired(alice: Any, laptop: Browser) -> None:
    row = laptop.sign_in(alice).row
    expired = timezone.now() - timedelta(days=2)
    Session.objects.update(expire_date=expired)
    call_command("clearsessions", verbosity=0)
    (past,) = history()
    assert (past.pk, past.reason, past.ended_at) == (row.pk, "expired", expired)


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_revoked_after_it_had_expired(
    who: str, alice: Any, bob: Any, laptop: Browser, phone: Browser, watched: list[str]
) -> None:
    """The history says when it ended, and not when its row was deleted."""
    now = timezone.now()
    expired, idle = now - timedelta(days=2), now - timedelta(hours=3)
    laptop.sign_in(alice)
    Session.objects.update(expire_date=expired)
    phone.sign_in(alice)
    Session.objects.filter(pk=phone.row.pk).update(idle_expires_at=idle)
    last = Browser(LAPTOP).sign_in(alice).row
    by = {"alice": alice, "bob": bob}[who]
    assert Session.objects.filter(user=alice).revoke(by=by) == 3
    *ended, revoked = history()
    assert [(past.reason, past.ended_at, past.ended_by) for past in ended] == [
        ("expired", expired, None),
        ("idle", idle, None),
    ]
    assert (revoked.pk, revoked.ended_by) == (last.pk, by)
    # A database may lock them in any order.
    watched.sort()


def test_expired_before_the_oldest_that_is_kept(alice: Any, laptop: Browser, watched: Any) -> None:
    laptop.sign_in(alice)
    Session.objects.update(expire_date=timezone.now() - timedelta(days=31))
    call_command("clearsessions", verbosity=0)
    assert not Session.objects.exists()
    assert history() == []
    watched.clear()


def test_once_whatever_the_key(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    laptop.get("/cycle/")
    row = laptop.row
    laptop.post("/accounts/logout/")
    assert [past.pk for past in history()] == [row.pk]
    assert not row.revoke()
    assert len(history()) == 1


def test_anonymous_sessions_leave_nothing(laptop: Browser, watched: Any) -> None:
    laptop.get("/write/")
    Session.objects.all().revoke()
    assert history() == []
    watched.clear()


def test_nothing_of_the_data_is_kept() -> None:
    names = {field.name for field in PastSession._meta.get_fields()}
    assert not names & {"session_data", "auth_hash"}


def test_a_deleted_user_has_no_history(
    alice: Any, bob: Any, laptop: Browser, watched: list[str]
) -> None:
    laptop.sign_in(alice).row.revoke(by=bob)
    bob.delete()
    (past,) = history()
    assert past.ended_by is None
    alice.delete()
    watched.clear()
    assert not PastSession.objects.exists()


def test_a_session_that_is_revoked_while_its_user_is_deleted(
    alice: Any, laptop: Browser, watched: list[str]
) -> None:
    row = laptop.sign_in(alice).row
    with execute_before("DELETE", row.revoke):
        alice.delete()
    assert watched in ([], ["revoked"])
    watched.clear()
    assert not PastSession.objects.exists()


def one_statement(verb: str) -> list[str]:
    return ["BEGIN", "INSERT", verb, "COMMIT"]


@pytest.mark.parametrize("watched", ["unwatched"], indirect=True)
def test_budgets(engine: str, alice: Any, laptop: Browser, phone: Browser) -> None:
    with statements() as sent:
        laptop.sign_in(alice)
    # Has the user signed in with this device before?
    assert sent == ["INSERT", "SELECT", "UPDATE"]
    row = phone.sign_in(alice).row
    with statements() as sent:
        row.revoke()
    assert sent == one_statement("DELETE")
    with statements() as sent:
        laptop.post("/accounts/logout/")
    assert sent[-4:] == one_statement("DELETE")
    with statements(PastSession) as sent:
        phone.get("/read/")
    assert sent == ["SELECT"]
    with statements(PastSession) as sent:
        phone.get("/read/")
    assert sent == []


@pytest.mark.parametrize("watched", ["unwatched"], indirect=True)
def test_without_history(settings: Settings, alice: Any, bob: Any, laptop: Browser) -> None:
    settings.SESSION_BACKEND_HISTORY_DAYS = 0
    with statements(PastSession) as sent:
        laptop.sign_in(alice)
        laptop.sign_in(bob)
        laptop.row.revoke()
        laptop.get("/read/")
    assert sent == []
    assert history() == []


def test_export(alice: Any, bob: Any, laptop: Browser, phone: Browser, watched: Any) -> None:
    row = laptop.sign_in(alice).row
    ended = phone.sign_in(alice).row
    ended.revoke(by=bob)
    Browser(LAPTOP).sign_in(bob)
    exported = Session.objects.export(alice)
    assert json.loads(json.dumps(exported)) == exported
    (session,), (past,) = exported["sessions"], exported["past_sessions"]
    assert session["public_id"] == str(row.public_id)
    assert (session["ip"], session["browser"]) == (row.ip, "Chrome")
    assert datetime.fromisoformat(session["created_at"].replace("Z", "+00:00")) <= row.created_at
    assert past["public_id"] == str(ended.public_id)
    assert past["reason"] == "revoked_by_staff"
    assert str(past["ended_by_id"]) == str(bob.pk)
    kept = {"session_key", "session_data", "auth_hash", "device_id", "binding"}
    for model, found in ((Session, session), (PastSession, past)):
        columns = {field.attname for field in model._meta.concrete_fields}
        assert columns - set(found) == kept & columns
    assert not {row.pk, row.device_id, ended.pk, ended.device_id} & set(map(str, session.values()))


def test_export_of_nothing(bob: Any, laptop: Browser) -> None:
    laptop.get("/write/")
    nothing: dict[str, Any] = {"sessions": [], "past_sessions": []}
    assert Session.objects.export(bob) == nothing
    assert Session.objects.export(AnonymousUser()) == nothing


def test_export_of_a_custom_model(alice: Any, laptop: Browser, settings: Settings) -> None:
    settings.SESSION_ENGINE = "tests.custom_sessions.vip"
    laptop.sign_in(alice)
    (session,) = VipSession.objects.export(alice)["sessions"]
    assert "shop" in session
    assert not {"session_key", "shopsession_ptr_id"} & set(session)
