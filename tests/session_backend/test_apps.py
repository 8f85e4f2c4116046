from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.cache import cache
from django.db import transaction
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import Signal
from django.test import RequestFactory

from session_backend.cache import marker_key
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, AsyncBrowser, Browser, make_user
from tests.session_backend.budget import statements

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]


@pytest.fixture(autouse=True)
def _engine(settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"


def is_invalidated(session: Session) -> bool:
    return marker_key(session.session_key) in cache


def test_delete_user(alice: Any, laptop: Browser, phone: Browser) -> None:
    rows = [laptop.sign_in(alice).row, phone.sign_in(alice).row]
    alice.delete()
    assert not Session.objects.exists()
    assert all(map(is_invalidated, rows))
    for browser in (laptop, phone):
        assert browser.get("/read/").content == b"anonymous: 0"


def test_delete_user_keeps_other_users_sessions(
    alice: Any, laptop: Browser, phone: Browser
) -> None:
    laptop.sign_in(alice)
    row = phone.sign_in(make_user("bob")).row
    alice.delete()
    assert not is_invalidated(row)
    assert phone.get("/read/").content == b"bob: 0"


def test_delete_users_in_bulk(alice: Any, laptop: Browser, phone: Browser) -> None:
    rows = [laptop.sign_in(alice).row, phone.sign_in(make_user("bob")).row]
    get_user_model()._default_manager.all().delete()
    assert all(map(is_invalidated, rows))


def test_delete_user_rolled_back(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    with transaction.atomic():
        alice.delete()
        transaction.set_rollback(True)
    assert laptop.get("/read/").content == b"alice: 0"


def test_delete_user_deletes_sessions_in_one_query(
    alice: Any, laptop: Browser, phone: Browser
) -> None:
    assert not pre_delete.has_listeners(Session)
    assert not post_delete.has_listeners(Session)
    laptop.sign_in(alice)
    phone.sign_in(alice)
    with statements() as sent:
        alice.delete()
    assert sent.count("DELETE") == 1


def test_delete_user_without_cache(alice: Any, laptop: Browser, settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.db"
    laptop.sign_in(alice)
    with statements() as sent:
        alice.delete()
    assert sent == ["BEGIN", "DELETE", "COMMIT"]


def test_pre_delete_outside_transaction(alice: Any, laptop: Browser) -> None:
    row = laptop.sign_in(alice).row
    pre_delete.send(type(alice), instance=alice, using="default", origin=alice)
    assert is_invalidated(row)
    assert laptop.row == row


@pytest.mark.parametrize("signal", [user_logged_in, user_logged_out], ids=["in", "out"])
def test_signing_in_or_out_without_our_session(alice: Any, signal: Signal) -> None:
    request: Any = RequestFactory().get("/")
    signal.send(type(alice), request=request, user=alice)
    assert not hasattr(request, "session")
    request.session = {}
    signal.send(type(alice), request=request, user=alice)
    assert request.session == {}


@pytest.mark.parametrize("path", ["/again/", "/again-async/"])
def test_signing_in_again_changes_the_key(alice: Any, laptop: Browser, path: str) -> None:
    laptop.sign_in(alice)
    before, public_id = laptop.key, laptop.row.public_id
    browser: Any = laptop
    if path == "/again-async/":
        browser = AsyncBrowser(LAPTOP)
        browser.cookies["sessionid"] = before
    assert browser.get(path).status_code == 200
    assert browser.key != before
    assert browser.row.public_id == public_id
    assert browser.row.user == alice
    thief = Browser(PHONE)
    thief.cookies["sessionid"] = str(before)
    assert thief.get("/read/").content == b"anonymous: 0"
    assert browser.get("/read/").content == b"alice: 0"
