"""The SQL statements and cache commands of each operation, transaction statements included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from session_backend import models
from session_backend.conf import conf
from session_backend.models import Session
from tests.browsers import LAPTOP, AsyncBrowser, Browser
from tests.session_backend.budget import cache_commands, statements
from tests.session_backend.helpers import age_sessions

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine", "recording", "no_history"),
]

Cost = tuple[list[str], list[str]]

# MariaDB cannot skip locked rows in an UPDATE.
TOUCH = ["BEGIN", "SELECT", "UPDATE", "COMMIT"] if connection.vendor == "mysql" else ["UPDATE"]


def measure(operation: Any) -> Cost:
    with statements() as sent, cache_commands() as commands:
        operation()
    return sent, commands


def cost(engine: str, db: list[str], cached_db: list[str], commands: list[str]) -> Cost:
    return (db, []) if engine == "db" else (cached_db, commands)


def test_no_session(laptop: Browser) -> None:
    assert measure(lambda: laptop.get("/read/")) == ([], [])


def test_session_not_accessed(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    assert measure(lambda: laptop.get("/")) == ([], [])


def test_read(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    expected = cost(engine, ["SELECT"], [], ["get_many"])
    for _ in range(3):
        assert measure(lambda: laptop.get("/read/")) == expected


def test_read_with_touch(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    age_sessions()
    first = ["SELECT", *TOUCH]
    assert measure(lambda: laptop.get("/read/")) == cost(engine, first, first, ["get_many", "add"])
    again = cost(engine, ["SELECT"], [], ["get_many"])
    assert measure(lambda: laptop.get("/read/")) == again


def test_timeouts_cost_no_statement(
    engine: str, alice: Any, laptop: Browser, settings: Settings
) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = settings.SESSION_BACKEND_ABSOLUTE_TIMEOUT = 86400
    test_sign_in(engine, alice, laptop)
    test_read(engine, alice, laptop)
    test_read_with_touch(engine, alice, laptop)
    test_write_with_touch(engine, alice, laptop)


def test_read_with_changing_address(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    for address in ("198.51.100.1", "203.0.113.2", "198.51.100.1"):
        laptop.defaults["REMOTE_ADDR"] = address
        assert measure(lambda: laptop.get("/read/")) == cost(engine, ["SELECT"], [], ["get_many"])


def test_background_read(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    age_sessions()
    for _ in range(2):
        expected = cost(engine, ["SELECT"], ["SELECT"], ["get_many"])
        assert measure(lambda: laptop.get("/poll/")) == expected


def test_write(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    expected = cost(engine, ["SELECT", "UPDATE"], ["UPDATE"], ["get_many", "set"])
    for _ in range(3):
        assert measure(lambda: laptop.get("/write/")) == expected


def test_write_with_touch(engine: str, alice: Any, laptop: Browser) -> None:
    # The save also touches.
    laptop.sign_in(alice)
    age_sessions()
    sent = ["SELECT", "UPDATE"]
    assert measure(lambda: laptop.get("/write/")) == cost(
        engine, sent, sent, ["get_many", "add", "set"]
    )


def test_sign_in(engine: str, alice: Any, laptop: Browser) -> None:
    sent = ["INSERT", "UPDATE"]
    assert measure(lambda: laptop.sign_in(alice)) == cost(engine, sent, sent, ["set"])


def test_first_write_of_anonymous_visitor(engine: str, laptop: Browser) -> None:
    assert measure(lambda: laptop.get("/write/")) == cost(engine, ["INSERT"], ["INSERT"], ["set"])


def test_cycle_key(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    session = conf.session_store(laptop.key)
    session.items()
    expected = cost(engine, ["UPDATE"], ["UPDATE"], ["set_many"])
    assert measure(session.cycle_key) == expected


def test_sign_out(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    expected = cost(engine, ["SELECT", "DELETE"], ["DELETE"], ["get_many", "set_many"])
    assert measure(lambda: laptop.post("/accounts/logout/")) == expected


@pytest.mark.parametrize("how", ["store", "revoke", "delete"])
def test_revoke(how: str, engine: str, alice: Any, phone: Browser) -> None:
    row = phone.sign_in(alice).row
    operations = {
        "store": conf.session_store(row.session_key).delete,
        "revoke": row.revoke,
        "delete": row.delete,
    }
    expected = cost(engine, ["DELETE"], ["DELETE"], ["set_many"])
    assert measure(operations[how]) == expected
    assert not Session.objects.exists()


def test_revoke_many(
    engine: str, alice: Any, laptop: Browser, phone: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        Browser(LAPTOP).sign_in(alice)
    expected = cost(engine, ["SELECT", "DELETE"], ["SELECT", "DELETE"], ["set_many", "delete_many"])
    assert measure(lambda: Session.objects.for_user(alice).revoke()) == expected
    monkeypatch.setattr(models, "BATCH_SIZE", 2)
    for _ in range(5):
        Browser(LAPTOP).sign_in(alice)
    sent, commands = measure(lambda: alice.session_set.all().delete())
    assert sent == ["SELECT", *["DELETE"] * 3]
    # The last batch has one session, whose entry needs no delete_many.
    assert commands == (expected[1] * 3)[:5]


def test_delete_user(engine: str, alice: Any, laptop: Browser, phone: Browser) -> None:
    # The transaction is Django's. The sessions to invalidate have to be read first.
    laptop.sign_in(alice)
    phone.sign_in(alice)
    db, cached_db = ["BEGIN", "DELETE", "COMMIT"], ["BEGIN", "SELECT", "DELETE", "COMMIT"]
    assert measure(alice.delete) == cost(engine, db, cached_db, ["set_many"])


def test_save_every_request(engine: str, alice: Any, laptop: Browser, settings: Settings) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    laptop.sign_in(alice)
    expected = cost(engine, ["SELECT", "UPDATE"], ["UPDATE"], ["get_many", "set"])
    assert measure(lambda: laptop.get("/")) == expected
    assert measure(lambda: laptop.get("/poll/")) == cost(engine, ["SELECT"], [], ["get_many"])


@pytest.mark.parametrize(
    ("page", "db", "cached_db", "commands"),
    [
        ("/aread/", ["SELECT"], [], ["get_many"]),
        ("/awrite/", ["SELECT", "UPDATE"], ["UPDATE"], ["get_many", "set"]),
    ],
)
def test_async_views(
    engine: str,
    alice: Any,
    laptop: Browser,
    page: str,
    db: list[str],
    cached_db: list[str],
    commands: list[str],
) -> None:
    laptop.sign_in(alice)
    browser = AsyncBrowser(LAPTOP)
    browser.cookies = laptop.cookies

    def get() -> None:
        assert browser.get(page).content.startswith(b"alice")

    assert measure(get) == cost(engine, db, cached_db, commands)
