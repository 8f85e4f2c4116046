"""The SQL statements and cache commands of a bound session."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from session_backend.binding.state import LIFETIME
from session_backend.cache import marker_key
from session_backend.models import Session
from tests.session_backend.binding.browser import BoundBrowser
from tests.session_backend.binding.conftest import Wait
from tests.session_backend.helpers import age_sessions
from tests.session_backend.test_budgets import cost, measure

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine", "recording", "no_history", "offer"),
]


@pytest.fixture
def browser() -> BoundBrowser:
    return BoundBrowser()


def test_sign_in(engine: str, alice: Any, browser: BoundBrowser) -> None:
    data = {"username": "alice", "password": "correct horse battery staple"}
    sent = ["INSERT", "UPDATE"]
    expected = cost(engine, sent, sent, ["set"])
    assert measure(lambda: browser.visit("/accounts/login/", "POST", data)) == expected
    # The sign-in is in the cache.
    expected = cost(engine, ["SELECT", "UPDATE"], ["UPDATE"], ["get_many", "set"])
    assert measure(browser.register) == expected


def test_read(engine: str, alice: Any, browser: BoundBrowser) -> None:
    browser.sign_in(alice)
    expected = cost(engine, ["SELECT"], [], ["get_many"])
    for _ in range(3):
        assert measure(lambda: browser.send("/read/")) == expected


def test_write(engine: str, alice: Any, browser: BoundBrowser) -> None:
    browser.sign_in(alice)
    expected = cost(engine, ["SELECT", "UPDATE"], ["UPDATE"], ["get_many", "set"])
    for _ in range(3):
        assert measure(lambda: browser.send("/write/")) == expected


def test_refresh(engine: str, alice: Any, browser: BoundBrowser) -> None:
    browser.sign_in(alice)
    expected = cost(engine, ["SELECT", "UPDATE"], ["UPDATE"], ["get_many", "set"])
    for _ in range(3):
        assert measure(browser.refresh) == expected
    # The cached session stays in use.
    assert cache.get(marker_key(browser.row.session_key)) is None
    expected = cost(engine, ["SELECT"], [], ["get_many"])
    assert measure(lambda: browser.send("/read/")) == expected


def test_refresh_after_a_while(engine: str, alice: Any, browser: BoundBrowser) -> None:
    browser.sign_in(alice)
    age_sessions()
    sent = ["SELECT", "UPDATE"]
    # The next request is to touch the session, so it is not cached before that.
    expected = cost(engine, sent, sent, ["get_many", "delete_many"])
    assert measure(browser.refresh) == expected


def test_refresh_after_a_recent_write(engine: str, alice: Any, browser: BoundBrowser) -> None:
    browser.sign_in(alice)
    cache.clear()
    sent = ["SELECT", "UPDATE"]
    assert measure(browser.refresh) == cost(engine, sent, sent, ["get_many", "set_many"])
    expected = cost(engine, ["SELECT"], ["SELECT"], ["get_many"])
    assert measure(lambda: browser.send("/read/")) == expected


def test_challenge(engine: str, alice: Any, browser: BoundBrowser, wait: Wait) -> None:
    browser.sign_in(alice)
    # There is one already.
    expected = cost(engine, ["SELECT"], [], ["get_many"])
    assert measure(browser.prove) == expected
    wait(3 * LIFETIME)
    age_sessions()
    sent = ["SELECT", "UPDATE"]
    assert measure(browser.prove) == cost(engine, sent, sent, ["get_many", "delete_many"])


def test_without_a_proof(engine: str, alice: Any, browser: BoundBrowser) -> None:
    browser.sign_in(alice)
    browser.cookies["sessionid_bound"] = "another"
    # The row may know of a later proof than the cached session.
    expected = cost(engine, ["SELECT"], ["SELECT"], ["get_many", "add"])
    assert measure(lambda: browser.send("/read/")) == expected


def test_overtaken(engine: str, alice: Any, browser: BoundBrowser) -> None:
    browser.sign_in(alice)
    row = browser.row
    Session.objects.filter(pk=row.pk).update(updated_at=row.created_at, binding=row.binding)
    db, cached_db = ["SELECT", "UPDATE"], ["UPDATE", "SELECT", "UPDATE"]
    expected = cost(engine, db, cached_db, ["get_many", "set_many"])
    assert measure(browser.refresh) == expected
    assert browser.send("/read/").content == b"alice: 0"
