"""Whole visits, on each engine and with each setting that changes when a session is saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client

from session_backend.models import Session
from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser, make_user

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine", "configuration"),
]

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "atomic_requests": {"ATOMIC_REQUESTS": True},
    "save_every_request": {"SESSION_SAVE_EVERY_REQUEST": True},
    "expire_at_browser_close": {"SESSION_EXPIRE_AT_BROWSER_CLOSE": True},
}
CONFIGURATIONS["all"] = {k: v for each in CONFIGURATIONS.values() for k, v in each.items()}


@pytest.fixture(params=CONFIGURATIONS)
def configuration(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    configuration = CONFIGURATIONS[request.param]
    for name, value in configuration.items():
        if name == "ATOMIC_REQUESTS":
            monkeypatch.setitem(connection.settings_dict, name, value)
        else:
            setattr(settings, name, value)
    return configuration


def get(browser: Client, page: str = "/read/") -> str:
    response = browser.get(page)
    assert response.status_code == 200, response
    return str(response.content.decode())


def test_user(alice: Any, laptop: Browser, phone: Browser, configuration: dict[str, Any]) -> None:
    laptop.sign_in(alice)
    phone.sign_in(alice)
    assert get(laptop) == "alice: 0"
    assert get(laptop, "/write/") == get(laptop) == "alice: 1"
    assert get(phone, "/write/") == get(phone) == "alice: 1"
    assert {row.ip for row in Session.objects.for_user(alice)} == {
        LAPTOP["REMOTE_ADDR"],
        PHONE["REMOTE_ADDR"],
    }
    expires_at_close = configuration.get("SESSION_EXPIRE_AT_BROWSER_CLOSE", False)
    assert (laptop.cookies["sessionid"]["max-age"] == "") is expires_at_close
    key = laptop.key
    assert get(laptop, "/cycle/") == "alice: 1"
    assert laptop.key != key
    phone.row.revoke()
    assert get(phone) == "anonymous: 0"
    assert phone.key is None
    laptop.post("/accounts/logout/")
    assert get(laptop) == "anonymous: 0"
    assert not Session.objects.exists()


def test_anonymous_visitor(laptop: Browser, phone: Browser) -> None:
    assert get(laptop) == "anonymous: 0"
    assert laptop.key is None
    assert get(laptop, "/write/") == get(laptop) == "anonymous: 1"
    assert get(phone) == "anonymous: 0"
    row = laptop.row
    assert (row.user_id, row.ip, row.device()) == (None, LAPTOP["REMOTE_ADDR"], "Chrome on Windows")
    row.revoke()
    assert get(laptop) == "anonymous: 0"


def test_sign_in_keeps_anonymous_data(alice: Any, laptop: Browser) -> None:
    assert get(laptop, "/write/") == "anonymous: 1"
    key = laptop.key
    laptop.sign_in(alice)
    assert get(laptop) == "alice: 1"
    assert laptop.key != key
    assert Session.objects.count() == 1
    assert laptop.row.user_id == alice.pk


def test_sign_in_as_other_user_flushes_data(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    assert get(laptop, "/write/") == "alice: 1"
    laptop.sign_in(make_user("bob"))
    assert get(laptop) == "bob: 0"
    assert not Session.objects.for_user(alice).exists()


def test_admin(laptop: Browser) -> None:
    admin = make_user("admin", is_staff=True, is_superuser=True)
    page = laptop.post(
        "/admin/login/?next=/admin/", {"username": "admin", "password": PASSWORD}, follow=True
    )
    assert page.status_code == 200
    assert page.redirect_chain == [("/admin/", 302)]
    assert laptop.row.user_id == admin.pk
    assert laptop.row.device() == "Chrome on Windows"
    laptop.row.revoke()
    assert laptop.get("/admin/").status_code == 302
    assert laptop.key is None


@pytest.mark.parametrize("page", ["/broken/", "/crash/"])
def test_server_error_keeps_session(page: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    laptop.raise_request_exception = False
    assert laptop.get(page).status_code >= 500
    assert get(laptop) == "alice: 0"


def test_password_change_signs_out_other_sessions(
    alice: Any, laptop: Browser, phone: Browser
) -> None:
    laptop.sign_in(alice)
    phone.sign_in(alice)
    new = "something else entirely"
    response = laptop.post(
        "/accounts/password_change/",
        {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )
    assert response.status_code == 302
    alice.refresh_from_db()
    assert list(Session.objects.for_user(alice)) == [laptop.row]
    assert alice.session_set.count() == 2
    assert get(laptop) == "alice: 0"
    assert get(phone) == "anonymous: 0"


def test_username_change_keeps_session(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    type(alice).objects.update(username="alicia")
    assert get(laptop) == "alicia: 0"
    assert Session.objects.for_user(alice).count() == 1


@pytest.mark.parametrize("sign_in", [Browser.sign_in, Browser.force_login])
def test_django_test_client(
    sign_in: Callable[[Browser, Any], Any], alice: Any, laptop: Browser
) -> None:
    sign_in(laptop, alice)
    assert get(laptop) == "alice: 0"
    assert laptop.row.ip == LAPTOP["REMOTE_ADDR"]
    session = laptop.session
    session["count"] = 5
    session.save()
    assert get(laptop) == "alice: 5"
    laptop.logout()
    assert not Session.objects.exists()


def test_secret_key_rotation_keeps_session(alice: Any, laptop: Browser, settings: Settings) -> None:
    laptop.sign_in(alice)
    get(laptop, "/write/")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next one"
    assert list(Session.objects.for_user(alice)) == [laptop.row]
    assert get(laptop) == "alice: 1"
    assert list(Session.objects.for_user(alice)) == [laptop.row]
