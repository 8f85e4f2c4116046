"""What each operation may cost: every statement counts, those that frame transactions too."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from django.db.models import F
from django.test import AsyncClient

from session_backend import querysets
from session_backend.models import Session
from tests.browsers import LAPTOP, Browser
from tests.session_backend.budget import cache_commands, statements

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine", "recording"),
]

Cost = tuple[list[str], list[str]]

# Where the database cannot skip locked rows in one UPDATE, a transaction does.
STAMP = ["BEGIN", "SELECT", "UPDATE", "COMMIT"] if connection.vendor == "mysql" else ["UPDATE"]


def cost(operation: Any) -> Cost:
    with statements() as sent, cache_commands() as commands:
        operation()
    return sent, commands


def of(engine: str, db: list[str], cached_db: list[str], commands: list[str]) -> Cost:
    return (db, []) if engine == "db" else (cached_db, commands)


def an_interval_passes() -> None:
    """Let the last activity be long ago, and the copies have gone with the interval."""
    an_hour = timedelta(hours=1)
    Session.objects.update(
        last_activity=F("last_activity") - an_hour, updated_at=F("updated_at") - an_hour
    )
    cache.clear()


def store(key: str | None = None) -> Any:
    return import_module(django_settings.SESSION_ENGINE).SessionStore(key)


def test_no_session(laptop: Browser) -> None:
    assert cost(lambda: laptop.get("/read/")) == ([], [])


def test_a_page_that_asks_for_no_session(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    assert cost(lambda: laptop.get("/")) == ([], [])


def test_read(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    expected = of(engine, ["SELECT"], [], ["get_many"])
    for _ in range(3):
        assert cost(lambda: laptop.get("/read/")) == expected


def test_read_once_an_interval(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    an_interval_passes()
    first = ["SELECT", *STAMP]
    assert cost(lambda: laptop.get("/read/")) == of(engine, first, first, ["get_many", "add"])
    again = of(engine, ["SELECT"], [], ["get_many"])
    assert cost(lambda: laptop.get("/read/")) == again


def test_read_by_a_client_that_moves(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    for address in ("198.51.100.1", "203.0.113.2", "198.51.100.1"):
        laptop.defaults["REMOTE_ADDR"] = address
        assert cost(lambda: laptop.get("/read/")) == of(engine, ["SELECT"], [], ["get_many"])


def test_read_by_a_poll(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    an_interval_passes()
    for _ in range(2):
        expected = of(engine, ["SELECT"], ["SELECT"], ["get_many"])
        assert cost(lambda: laptop.get("/poll/")) == expected


def test_write(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    expected = of(engine, ["SELECT", "UPDATE"], ["UPDATE"], ["get_many", "set"])
    for _ in range(3):
        assert cost(lambda: laptop.get("/write/")) == expected


def test_write_once_an_interval(engine: str, alice: Any, laptop: Browser) -> None:
    # The save stamps on the way.
    laptop.sign_in(alice)
    an_interval_passes()
    sent = ["SELECT", "UPDATE"]
    assert cost(lambda: laptop.get("/write/")) == of(engine, sent, sent, ["get_many", "add", "set"])


def test_sign_in(engine: str, alice: Any, laptop: Browser) -> None:
    sent = ["INSERT", "UPDATE"]
    assert cost(lambda: laptop.sign_in(alice)) == of(engine, sent, sent, ["set"])


def test_first_write_of_an_anonymous_visitor(engine: str, laptop: Browser) -> None:
    assert cost(lambda: laptop.get("/write/")) == of(engine, ["INSERT"], ["INSERT"], ["set"])


def test_cycle_key(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    session = store(laptop.key)
    session.items()
    expected = of(engine, ["UPDATE"], ["UPDATE"], ["set_many"])
    assert cost(session.cycle_key) == expected


def test_sign_out(engine: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    expected = of(engine, ["SELECT", "DELETE"], ["DELETE"], ["get_many", "set_many"])
    assert cost(lambda: laptop.post("/accounts/logout/")) == expected


@pytest.mark.parametrize("how", ["store", "end", "delete"])
def test_revoke_one(how: str, engine: str, alice: Any, phone: Browser) -> None:
    row = phone.sign_in(alice).row
    ends = {
        "store": store(row.session_key).delete,
        "end": row.end,
        "delete": row.delete,
    }
    expected = of(engine, ["DELETE"], ["DELETE"], ["set_many"])
    assert cost(ends[how]) == expected
    assert not Session.objects.exists()


def test_revoke_many(
    engine: str, alice: Any, laptop: Browser, phone: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        Browser(LAPTOP).sign_in(alice)
    expected = of(engine, ["SELECT", "DELETE"], ["SELECT", "DELETE"], ["set_many", "delete_many"])
    assert cost(lambda: Session.objects.for_user(alice).end()) == expected
    monkeypatch.setattr(querysets, "BATCH_SIZE", 2)
    for _ in range(5):
        Browser(LAPTOP).sign_in(alice)
    sent, commands = cost(lambda: alice.session_set.all().delete())
    assert sent == ["SELECT", *["DELETE"] * 3]
    # The last batch is of one.
    assert commands == (expected[1] * 3)[:5]


def test_a_user_is_deleted(engine: str, alice: Any, laptop: Browser, phone: Browser) -> None:
    # The transaction is Django's. What is marked has to be read first.
    laptop.sign_in(alice)
    phone.sign_in(alice)
    db, cached_db = ["BEGIN", "DELETE", "COMMIT"], ["BEGIN", "SELECT", "DELETE", "COMMIT"]
    assert cost(alice.delete) == of(engine, db, cached_db, ["set_many"])


def test_save_every_request(engine: str, alice: Any, laptop: Browser, settings: Settings) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    laptop.sign_in(alice)
    expected = of(engine, ["SELECT", "UPDATE"], ["UPDATE"], ["get_many", "set"])
    assert cost(lambda: laptop.get("/")) == expected
    assert cost(lambda: laptop.get("/poll/")) == of(engine, ["SELECT"], [], ["get_many"])


@pytest.mark.parametrize(
    ("page", "db", "cached_db", "commands"),
    [
        ("/aread/", ["SELECT"], [], ["get_many"]),
        ("/awrite/", ["SELECT", "UPDATE"], ["UPDATE"], ["get_many", "set"]),
    ],
)
def test_the_same_under_asgi(
    engine: str,
    alice: Any,
    laptop: Browser,
    page: str,
    db: list[str],
    cached_db: list[str],
    commands: list[str],
) -> None:
    laptop.sign_in(alice)
    client = AsyncClient(headers={"user-agent": LAPTOP["HTTP_USER_AGENT"]})
    client.cookies = laptop.cookies

    def get() -> None:
        response = async_to_sync(client.get)(page, REMOTE_ADDR=LAPTOP["REMOTE_ADDR"])
        assert response.content.startswith(b"alice")

    assert cost(get) == of(engine, db, cached_db, commands)
