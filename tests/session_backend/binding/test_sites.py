"""Bound sessions on sites of every kind."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from session_backend.binding.state import LIFETIME
from session_backend.models import Session
from tests.session_backend.binding.browser import BoundBrowser
from tests.session_backend.binding.conftest import AnyBrowser, Wait

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site", "offer")]


def lives_on(browser: AnyBrowser, wait: Wait, page: str = "/read/") -> bool:
    """Tell whether a bound session works: refused when its cookie expires, and refreshed then."""
    assert browser.instructions is not None
    assert browser.send(page).content == b"alice: 0"
    wait(LIFETIME + 1)
    assert browser.send(page).content == b"anonymous: 0"
    browser.lose_cookie()
    return bool(browser.visit(page).content == b"alice: 0")


def test_sub_path(browser: AnyBrowser, alice: Any, wait: Wait, settings: Settings) -> None:
    settings.MEDIA_URL = "/files/"
    browser.prefix = "/shop"
    browser.sign_in(alice)
    assert browser.offer is not None
    assert browser.offer["path"] == "/shop/session-binding/register"
    assert browser.instructions is not None
    assert browser.instructions["refresh_url"] == "/shop/session-binding/refresh"
    assert lives_on(browser, wait, "/shop/read/")


def test_cookie_of_a_sub_path(alice: Any, wait: Wait, settings: Settings) -> None:
    settings.SESSION_COOKIE_PATH = "/shop/"
    browser = BoundBrowser()
    browser.prefix = "/shop"
    browser.sign_in(alice)
    assert lives_on(browser, wait, "/shop/read/")


def test_cookie_of_a_part_of_the_site(alice: Any, wait: Wait, settings: Settings) -> None:
    settings.SESSION_COOKIE_PATH = "/account"
    browser = BoundBrowser().sign_in(alice)
    assert browser.offer["path"] == "/account/session-binding/register"
    assert lives_on(browser, wait)


def test_behind_a_proxy(alice: Any, wait: Wait, settings: Settings) -> None:
    browser = BoundBrowser()
    browser.secure = False
    browser.environ = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_HOST": "backend:8000"}
    browser.sign_in(alice)
    assert browser.offer is None
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    browser.sign_in(alice)
    assert browser.offer is None  # the same session goes on
    browser = BoundBrowser()
    browser.secure = False
    browser.environ = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_HOST": "backend:8000"}
    browser.sign_in(alice)
    # No address names a host, which only the proxy knows.
    assert "backend" not in f"{browser.offer}{browser.instructions}"
    assert browser.cookies["sessionid_bound"]["secure"]
    assert lives_on(browser, wait)


def test_cookie_domain(alice: Any, wait: Wait, settings: Settings) -> None:
    settings.SESSION_COOKIE_DOMAIN = "example.com"
    browser = BoundBrowser().sign_in(alice)
    assert browser.cookies["sessionid_bound"]["domain"] == "example.com"
    assert lives_on(browser, wait)
    response = browser.visit("/flush/")
    assert response.cookies["sessionid_bound"]["domain"] == "example.com"


@pytest.mark.parametrize("samesite", ["Strict", "None", False])
def test_same_site(alice: Any, wait: Wait, settings: Settings, samesite: Any) -> None:
    settings.SESSION_COOKIE_SAMESITE = samesite
    browser = BoundBrowser().sign_in(alice)
    assert browser.cookies["sessionid_bound"]["samesite"] == (samesite or "")
    assert lives_on(browser, wait)


def test_host_prefix(alice: Any, wait: Wait, settings: Settings) -> None:
    settings.SESSION_COOKIE_NAME = "__Host-sessionid"
    settings.SESSION_COOKIE_SECURE = True
    browser = BoundBrowser().sign_in(alice)
    assert "__Host-sessionid_bound" in browser.cookies
    assert lives_on(browser, wait)


def test_two_sites_on_one_host(alice: Any, wait: Wait, settings: Settings) -> None:
    first = BoundBrowser().sign_in(alice)
    settings.SESSION_COOKIE_NAME = "other"
    second = BoundBrowser()
    second.cookies = first.cookies
    second.sign_in(alice)
    assert Session.objects.count() == 2
    assert {"sessionid_bound", "other_bound"} < set(second.cookies)
    assert lives_on(second, wait)
    settings.SESSION_COOKIE_NAME = "sessionid"
    first.lose_cookie()
    assert first.visit("/read/").content == b"alice: 0"


def test_plain_http(browser: AnyBrowser, alice: Any) -> None:
    browser.secure = False
    browser.sign_in(alice)
    assert browser.offer is None
    assert browser.row.binding == ""


@pytest.mark.parametrize("host", ["localhost", "localhost:8000"])
def test_this_machine(alice: Any, host: str) -> None:
    browser = BoundBrowser()
    browser.secure, browser.environ = False, {"HTTP_HOST": host}
    browser.sign_in(alice)
    assert browser.row.is_bound
    assert not browser.cookies["sessionid_bound"]["secure"]


def test_files_elsewhere(alice: Any, settings: Settings) -> None:
    settings.STATIC_URL = "https://cdn.example.com/"
    settings.MEDIA_URL = ""
    browser = BoundBrowser().sign_in(alice)
    assert browser.instructions["scope"]["scope_specification"] == []
    settings.STATIC_URL, settings.MEDIA_URL = None, "/media/"
    browser = BoundBrowser().sign_in(alice)
    rules = browser.instructions["scope"]["scope_specification"]
    assert [rule["path"] for rule in rules] == ["/media/"]


OFF = """
import sys
import django
from django.conf import settings
from django.core.management import call_command
django.setup()
call_command("migrate", run_syncdb=True, verbosity=0)
from tests.browsers import LAPTOP, Browser, make_user
settings.ROOT_URLCONF = "tests.session_backend.site"
settings.LOGIN_REDIRECT_URL = "/read/"
settings.SESSION_BACKEND_BINDING = sys.argv[1]
browser = Browser(LAPTOP).sign_in(make_user())
assert browser.get("/read/").content == b"alice: 0"
from session_backend.models import Session
from session_ui.views import SessionListView
assert not browser.row.is_bound
print(sorted(name for name in sys.modules if name.split(".")[:2] == ["session_backend", "binding"]
             or name in ("jwt", "cryptography")))
"""


@pytest.mark.parametrize(
    ("mode", "imported"),
    [
        ("off", "[]"),
        # So that the other cannot pass for the wrong reason.
        ("offer", "['cryptography', 'jwt', 'session_backend.binding', "),
    ],
)
def test_not_imported_where_it_is_off(mode: str, imported: str) -> None:
    command = [sys.executable, "-c", OFF, mode]
    env = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(imported), done.stderr
