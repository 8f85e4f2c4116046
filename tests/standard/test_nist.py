"""NIST SP 800-63B-4, the session part: one test for each requirement that an engine can meet.

The marker names the section, the number in its list if it has one, and the settings without which
the requirement is not met.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as site
from django.test.client import Client

from session_backend import nist
from session_backend.models import Session
from tests.browsers import LAPTOP, Browser
from tests.standard.conftest import Clock
from tests.standard.people import copy_of, is_signed_in, stays_signed_in

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.usefixtures("engine")

TIMEOUTS = ("SESSION_BACKEND_IDLE_TIMEOUT", "SESSION_BACKEND_ABSOLUTE_TIMEOUT")


def standard(number: str, *names: str) -> Callable[[Any], Any]:
    return pytest.mark.standard(number, *names)


def cookie_of(user: Any) -> Any:
    """Return the cookie that a sign-in sets, with its attributes."""
    return Browser(LAPTOP).sign_in(user).cookies[site.SESSION_COOKIE_NAME]


def use(settings: Settings, level: nist.SessionLimits) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = level.idle_timeout
    settings.SESSION_BACKEND_ABSOLUTE_TIMEOUT = level.absolute_timeout


# 2: the timeouts of the assurance levels


@standard("2.1.3", "SESSION_BACKEND_ABSOLUTE_TIMEOUT")
def test_2_1_3_thirty_days(clock: Clock, settings: Settings, alice: Any) -> None:
    use(settings, nist.AAL1)
    settings.SESSION_COOKIE_AGE = 365 * 86_400
    browser = Browser(LAPTOP).sign_in(alice)
    clock.wait(days=30, seconds=-10)
    assert is_signed_in(browser)
    clock.wait(seconds=10)
    assert not is_signed_in(browser)


@standard("2.2.3", *TIMEOUTS)
def test_2_2_3_a_day_and_an_hour(clock: Clock, settings: Settings, alice: Any) -> None:
    use(settings, nist.AAL2)
    browser = Browser(LAPTOP).sign_in(alice)
    assert stays_signed_in(browser, clock, 24, minutes=59)
    clock.wait(minutes=24)
    assert not is_signed_in(browser)
    browser.sign_in(alice)
    clock.wait(hours=1)
    assert not is_signed_in(browser)


@standard("2.3.3", *TIMEOUTS)
def test_2_3_3_half_a_day_and_a_quarter_of_an_hour(
    clock: Clock, settings: Settings, alice: Any
) -> None:
    use(settings, nist.AAL3)
    browser = Browser(LAPTOP).sign_in(alice)
    assert stays_signed_in(browser, clock, 51, minutes=14)
    clock.wait(minutes=6)
    assert not is_signed_in(browser)
    browser.sign_in(alice)
    clock.wait(minutes=15)
    assert not is_signed_in(browser)


# 5.1 Session bindings


@standard("5.1 (1)")
def test_5_1_1_the_secret_is_made_by_the_authentication(alice: Any) -> None:
    visitor = Browser(LAPTOP)
    visitor.get("/write/")
    before = visitor.key
    visitor.sign_in(alice)
    assert visitor.key not in (None, before)


@standard("5.1 (2)")
def test_5_1_2_at_least_64_random_bits(alice: Any) -> None:
    keys = [str(Browser(LAPTOP).sign_in(alice).key) for _ in range(30)]
    assert len(set(keys)) == 30
    assert len(keys[0]) * log2(len(set("".join(keys)))) > 64


@standard("5.1 (3)")
def test_5_1_3_signing_out_erases_and_invalidates_the_secret(phone: Browser) -> None:
    thief = copy_of(phone)
    phone.post("/accounts/logout/")
    assert phone.key is None
    assert not is_signed_in(thief)


@standard("5.1 (4)", "SESSION_COOKIE_SECURE")
def test_5_1_4_the_secret_is_sent_over_https_alone(settings: Settings, alice: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    assert cookie_of(alice)["secure"]


@standard("5.1 (5)", *TIMEOUTS)
def test_5_1_5_the_server_does_not_accept_it_after_the_timeout(
    clock: Clock, settings: Settings, alice: Any
) -> None:
    use(settings, nist.AAL2)
    browser = Browser(LAPTOP).sign_in(alice)
    thief = copy_of(browser)
    clock.wait(hours=1)
    # Nor anything else from before, in the order that an attacker would choose.
    assert not is_signed_in(thief)
    assert not is_signed_in(browser)
    assert not Session.objects.filter(user=alice).exists()


@standard("5.1 persistent", "SESSION_EXPIRE_AT_BROWSER_CLOSE")
def test_5_1_the_secret_does_not_outlive_the_browser(settings: Settings, alice: Any) -> None:
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    cookie = cookie_of(alice)
    assert cookie["max-age"] == ""
    assert cookie["expires"] == ""


@standard("5.1 remember")
def test_5_1_no_other_cookie_stands_in_for_authentication(alice: Any, phone: Browser) -> None:
    assert set(phone.cookies) == {site.SESSION_COOKIE_NAME, site.CSRF_COOKIE_NAME, "device"}
    del phone.cookies[site.SESSION_COOKIE_NAME]
    assert not is_signed_in(phone)


@standard("5.1 erased")
def test_5_1_an_expired_secret_is_erased_in_the_browser(clock: Clock, phone: Browser) -> None:
    clock.wait(seconds=site.SESSION_COOKIE_AGE)
    assert phone.key
    assert not is_signed_in(phone)
    assert phone.key is None


@standard("5.1 storage")
def test_5_1_the_secret_is_in_no_page(phone: Browser) -> None:
    for path in ("/account/sessions/", "/read/"):
        assert str(phone.key) not in phone.get(path).content.decode()
    assert phone.cookies[site.SESSION_COOKIE_NAME]["httponly"]


@standard("5.1 csrf")
def test_5_1_posts_are_bound_to_the_visitor(alice: Any, phone: Browser) -> None:
    victim = Client(enforce_csrf_checks=True)
    victim.cookies["sessionid"] = str(phone.key)
    response = victim.post("/account/sessions/revoke/", {"session": "others"})
    assert response.status_code == 403


# 5.1.1 Browser cookies


@standard("5.1.1 (1)", "SESSION_COOKIE_SECURE")
def test_5_1_1_1_secure(settings: Settings, alice: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    assert cookie_of(alice)["secure"]


@standard("5.1.1 (2)")
def test_5_1_1_2_this_host_alone(alice: Any) -> None:
    cookie = cookie_of(alice)
    assert cookie["domain"] == ""
    assert cookie["path"] == site.SESSION_COOKIE_PATH


@standard("5.1.1 (3)")
def test_5_1_1_3_http_only(alice: Any) -> None:
    assert cookie_of(alice)["httponly"]


@standard("5.1.1 (4)")
def test_5_1_1_4_the_cookie_expires_with_the_session(clock: Clock, alice: Any) -> None:
    browser = Browser(LAPTOP).sign_in(alice)
    max_age = browser.cookies[site.SESSION_COOKIE_NAME]["max-age"]
    lifetime = browser.row.expire_date - clock()
    assert abs(lifetime.total_seconds() - max_age) < 60
    # Keeping the cookie for longer is of no use.
    clock.wait(seconds=max_age)
    assert not is_signed_in(copy_of(browser))


@standard("5.1.1 (5)", "SESSION_COOKIE_NAME")
def test_5_1_1_5_host_prefix(settings: Settings, alice: Any) -> None:
    settings.SESSION_COOKIE_NAME = "__Host-sessionid"
    settings.SESSION_COOKIE_SECURE = True
    cookie = cookie_of(alice)
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
    browser = Browser(LAPTOP).sign_in(alice)
    assert is_signed_in(browser)


@standard("5.1.1 (6)")
def test_5_1_1_6_same_site(alice: Any) -> None:
    assert cookie_of(alice)["samesite"] == "Lax"


@standard("5.1.1 (7)")
def test_5_1_1_7_an_opaque_string(alice: Any) -> None:
    browser = Browser(LAPTOP)
    browser.sign_in(alice)
    for cookie in browser.cookies.values():
        assert cookie.value.isalnum()
        assert "alice" not in cookie.value


# 5.2 Reauthentication


@standard("5.2 terminated", *TIMEOUTS)
def test_5_2_either_timeout_ends_the_session(clock: Clock, settings: Settings, alice: Any) -> None:
    use(settings, nist.AAL3)
    idle, busy = (Browser(LAPTOP).sign_in(alice) for _ in range(2))
    clock.wait(minutes=14)
    assert is_signed_in(busy)
    clock.wait(minutes=1)
    assert not is_signed_in(idle)
    for _ in range(55):
        clock.wait(minutes=13)
        is_signed_in(busy)
    assert not is_signed_in(busy)
    assert not Session.objects.filter(user=alice).active().exists()


@standard("5.2 activity", "SESSION_BACKEND_IDLE_TIMEOUT")
def test_5_2_activity_resets_the_inactivity_timeout(
    clock: Clock, settings: Settings, alice: Any
) -> None:
    use(settings, nist.AAL2)
    browser = Browser(LAPTOP).sign_in(alice)
    assert stays_signed_in(browser, clock, 5, minutes=59)


@standard("5.2 reauthentication", *TIMEOUTS)
def test_5_2_reauthentication_resets_both(clock: Clock, settings: Settings, alice: Any) -> None:
    use(settings, nist.AAL3)
    browser = Browser(LAPTOP).sign_in(alice)
    for _ in range(2):
        for _ in range(50):
            clock.wait(minutes=14)
            assert is_signed_in(browser)
        browser.sign_in(alice)
    assert is_signed_in(browser)
