"""A person's day with the sessions of a site, under each setting that changes what is stored."""

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
    pytest.mark.usefixtures("site", "engine", "configured"),
]

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "atomic": {"ATOMIC_REQUESTS": True},
    "saving": {"SESSION_SAVE_EVERY_REQUEST": True},
    "closing": {"SESSION_EXPIRE_AT_BROWSER_CLOSE": True},
    "all": {
        "ATOMIC_REQUESTS": True,
        "SESSION_SAVE_EVERY_REQUEST": True,
        "SESSION_EXPIRE_AT_BROWSER_CLOSE": True,
    },
}


@pytest.fixture(params=CONFIGURATIONS)
def configured(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    configuration = dict(CONFIGURATIONS[request.param])
    atomic = configuration.pop("ATOMIC_REQUESTS", False)
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    for name, value in configuration.items():
        setattr(settings, name, value)
    return CONFIGURATIONS[request.param]


def says(browser: Client, page: str = "/read/") -> str:
    response = browser.get(page)
    assert response.status_code == 200, response
    return str(response.content.decode())


def test_a_user(alice: Any, laptop: Browser, phone: Browser, configured: dict[str, Any]) -> None:
    laptop.sign_in(alice)
    phone.sign_in(alice)
    assert says(laptop) == "alice: 0"
    assert says(laptop, "/write/") == says(laptop) == "alice: 1"
    assert says(phone, "/write/") == says(phone) == "alice: 1"
    assert {row.ip for row in Session.objects.for_user(alice)} == {
        LAPTOP["REMOTE_ADDR"],
        PHONE["REMOTE_ADDR"],
    }
    closes = configured.get("SESSION_EXPIRE_AT_BROWSER_CLOSE", False)
    assert (laptop.cookies["sessionid"]["max-age"] == "") is closes
    key = laptop.key
    assert says(laptop, "/cycle/") == "alice: 1"
    assert laptop.key != key
    phone.row.end()
    assert says(phone) == "nobody: 0"
    assert phone.key is None
    laptop.post("/accounts/logout/")
    assert says(laptop) == "nobody: 0"
    assert not Session.objects.exists()


def test_an_anonymous_visitor(laptop: Browser, phone: Browser) -> None:
    assert says(laptop) == "nobody: 0"
    assert laptop.key is None
    assert says(laptop, "/write/") == says(laptop) == "nobody: 1"
    assert says(phone) == "nobody: 0"
    row = laptop.row
    assert (row.user_id, row.ip, row.device()) == (None, LAPTOP["REMOTE_ADDR"], "Chrome on Windows")
    row.end()
    assert says(laptop) == "nobody: 0"


def test_a_visitor_who_signs_in_keeps_what_is_stored(alice: Any, laptop: Browser) -> None:
    assert says(laptop, "/write/") == "nobody: 1"
    key = laptop.key
    laptop.sign_in(alice)
    assert says(laptop) == "alice: 1"
    assert laptop.key != key
    assert Session.objects.count() == 1
    assert laptop.row.user_id == alice.pk


def test_another_user_who_signs_in_starts_afresh(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    assert says(laptop, "/write/") == "alice: 1"
    laptop.sign_in(make_user("bob"))
    assert says(laptop) == "bob: 0"
    assert not Session.objects.for_user(alice).exists()


def test_a_member_of_staff(laptop: Browser) -> None:
    admin = make_user("admin", is_staff=True, is_superuser=True)
    page = laptop.post(
        "/admin/login/?next=/admin/", {"username": "admin", "password": PASSWORD}, follow=True
    )
    assert page.status_code == 200
    assert page.redirect_chain == [("/admin/", 302)]
    assert laptop.row.user_id == admin.pk
    assert laptop.row.device() == "Chrome on Windows"
    laptop.row.end()
    assert laptop.get("/admin/").status_code == 302
    assert laptop.key is None


@pytest.mark.parametrize("page", ["/broken/", "/crash/"])
def test_an_error_loses_no_session(page: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    laptop.raise_request_exception = False
    assert laptop.get(page).status_code >= 500
    assert says(laptop) == "alice: 0"


def test_a_changed_password_leaves_the_other_devices_out(
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
    assert says(laptop) == "alice: 0"
    assert says(phone) == "nobody: 0"


def test_a_changed_user_name_leaves_them_in(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    type(alice).objects.update(username="alicia")
    assert says(laptop) == "alicia: 0"
    assert Session.objects.for_user(alice).count() == 1


@pytest.mark.parametrize("sign_in", [Browser.sign_in, Browser.force_login])
def test_a_test_client_signs_in(
    sign_in: Callable[[Browser, Any], Any], alice: Any, laptop: Browser
) -> None:
    sign_in(laptop, alice)
    assert says(laptop) == "alice: 0"
    assert laptop.row.ip == LAPTOP["REMOTE_ADDR"]
    session = laptop.session
    session["count"] = 5
    session.save()
    assert says(laptop) == "alice: 5"
    laptop.logout()
    assert not Session.objects.exists()


def test_a_rotated_secret_key_signs_nobody_out(
    alice: Any, laptop: Browser, settings: Settings
) -> None:
    laptop.sign_in(alice)
    says(laptop, "/write/")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next one"
    assert list(Session.objects.for_user(alice)) == [laptop.row]
    assert says(laptop) == "alice: 1"
    assert list(Session.objects.for_user(alice)) == [laptop.row]
