"""No session key is anywhere but in its cookie."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser, make_user
from tests.session_backend.caches import SharedCache

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine", "verbose"),
]

LOCAL = {"default": {"BACKEND": "tests.session_backend.caches.SharedCache", "LOCATION": "us"}}


@pytest.fixture
def verbose(settings: Settings, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Log everything, including statements with their parameters."""
    settings.CACHES = LOCAL
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="django")
    with CaptureQueriesContext(connection):
        yield


class Watched(Browser):
    """A browser that keeps its responses and every session key that it ever had."""

    def __init__(self, device: dict[str, str]) -> None:
        super().__init__(device, raise_request_exception=False)
        self.keys: set[str] = set()
        self.seen: list[str] = []

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        self.keys |= {key for key in [self.key] if key}
        self.seen.append(request["PATH_INFO"] + "?" + request.get("QUERY_STRING", ""))
        self.seen += public_parts(response)
        return response


def public_parts(response: Any) -> Iterator[str]:
    """Yield all parts of a response except the session cookie."""
    yield response.content.decode()
    for name, value in response.headers.items():
        yield f"{name}: {value}"
    for name, cookie in response.cookies.items():
        yield str(cookie) if name != "sessionid" else str(dict(cookie))


def database() -> Iterator[str]:
    """Yield every column of every row, and the session data."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                yield from map(str, row)
    for session in Session.objects.all():
        yield str(session.get_decoded())


def cached() -> Iterator[str]:
    """Yield every key and value of the local memory."""
    cache: Any = caches["default"]
    for key, value in cache._cache.items():
        yield key
        yield value.decode("latin-1")


def a_days_work() -> list[Watched]:
    """Have three users do everything that can be done with sessions."""
    alice = make_user("alice")
    make_user("admin", is_staff=True, is_superuser=True)
    laptop, phone, desk = Watched(LAPTOP), Watched(PHONE), Watched(LAPTOP)
    laptop.get("/write/")
    laptop.sign_in(alice)
    phone.sign_in(alice)
    for page in ("/read/", "/write/", "/cycle/", "/poll/", "/aread/", "/empty/", "/crash/"):
        laptop.sign_in(alice)
        laptop.get(page)
        laptop.get("/read/")
        laptop.get(reverse("session_ui:session_list"))
    desk.post("/admin/login/", {"username": "admin", "password": PASSWORD})
    desk.get(reverse("admin:session_backend_session_changelist"))
    desk.get(reverse("admin:session_backend_session_change", args=[phone.row.pk]))
    phone.get("/read/")
    laptop.sign_in(alice)
    laptop.post(reverse("session_ui:session_revoke"), {"session": str(phone.row.public_id)})
    phone.get("/read/")
    phone.cookies["sessionid"] = "a-key-nobody-has"
    phone.keys.add("a-key-nobody-has")
    phone.get("/interrupted/")
    phone.sign_in(alice)
    laptop.post(reverse("session_ui:session_revoke_others"))
    phone.get("/read/")
    phone.sign_in(alice)
    phone.post("/accounts/logout/")
    Watched(PHONE).sign_in(alice)
    laptop.get("/read/")
    return [laptop, phone, desk]


def test_keys_are_only_in_their_cookies(caplog: pytest.LogCaptureFixture) -> None:
    browsers = a_days_work()
    keys = {key for browser in browsers for key in browser.keys}
    assert len(keys) > 8
    places = {
        "database": list(database()),
        "cache": list(cached()),
        "responses": [part for browser in browsers for part in browser.seen],
        "log": [caplog.text, *(str(record.args) for record in caplog.records)],
    }
    for place, texts in places.items():
        found = [text for text in texts if any(key in text for key in keys)]
        assert not found, place


def test_no_key_in_local_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A debug page and an error reporter show the local variables of each frame."""
    variables: list[str] = []
    digests: list[str] = []

    def walk() -> None:
        frame = sys._getframe(2)
        while frame.f_back:
            if frame.f_globals.get("__name__", "").startswith(("session_backend", "session_ui")):
                for value in frame.f_locals.values():
                    # To show a queryset is to run it.
                    if isinstance(value, (str, tuple, list, dict)):
                        variables.append(repr(value))
                        digests.extend([value] if isinstance(value, Digest) else [])
            frame = frame.f_back

    def statement(execute: Any, *args: Any) -> Any:
        walk()
        return execute(*args)

    def command(name: str) -> Any:
        original = getattr(SharedCache, name)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            walk()
            return original(*args, **kwargs)

        return wrapper

    for name in ("add", "get_many", "set", "set_many", "delete_many"):
        monkeypatch.setattr(SharedCache, name, command(name))
    with connection.execute_wrapper(statement):
        browsers = a_days_work()
    keys = {key for browser in browsers for key in browser.keys}
    assert [text for text in variables if any(key in text for key in keys)] == []
    assert Digest.of(browsers[0].key) in digests


def test_search_finds_digests(engine: str, caplog: pytest.LogCaptureFixture) -> None:
    laptop, *_ = a_days_work()
    digest = Digest.of(laptop.key or "")
    assert digest in list(database())
    assert any(digest in text for text in cached()) is (engine == "cached_db")
    assert any(str(laptop.row.public_id) in text for text in laptop.seen)
    assert digest in caplog.text
