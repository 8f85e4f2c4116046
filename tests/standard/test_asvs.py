"""OWASP ASVS 5.0, chapter V7: one test for each requirement that a session engine can meet.

The marker names the requirement, and the settings without which it is not met.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as site
from django.contrib.auth.tokens import default_token_generator
from django.core.management import call_command
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from session_backend.models import PastSession, Session
from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser, make_user
from tests.standard.conftest import Clock
from tests.standard.people import copy_of, is_signed_in, stays_signed_in

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.usefixtures("engine")

MINUTE, HOUR = 60, 3600
NEW_PASSWORD = "another horse, another battery"
LIST = "/account/sessions/"
REVOKE = f"{LIST}revoke/"


def standard(number: str, *names: str) -> Callable[[Any], Any]:
    return pytest.mark.standard(number, *names)


# V7.2 Fundamental session management security


@standard("V7.2.1")
def test_v7_2_1_the_server_decides(phone: Browser) -> None:
    assert is_signed_in(phone)
    # The cookie has nothing in it that could be checked without the server.
    assert set(str(phone.key)) <= set("abcdefghijklmnopqrstuvwxyz0123456789")
    for key in (str(phone.row.pk), str(phone.key)[::-1], str(phone.key).upper(), "x" * 32):
        forger = Browser(PHONE)
        forger.cookies["sessionid"] = key
        assert not is_signed_in(forger)
    phone.row.revoke()
    assert not is_signed_in(phone)


@standard("V7.2.2")
def test_v7_2_2_tokens_are_made_at_each_sign_in(alice: Any) -> None:
    first = Browser(LAPTOP).sign_in(alice)
    keys = {first.key}
    for _ in range(2):
        first.post("/accounts/logout/")
        first.sign_in(alice)
        keys.add(first.key)
    assert len(keys) == 3


@standard("V7.2.3")
def test_v7_2_3_tokens_are_unique_and_random(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [str(Browser(LAPTOP).sign_in(alice).key) for _ in range(50)]
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {32}
    characters = set("".join(keys))
    assert 32 * log2(len(characters)) > 128
    # They come from the operating system's generator, by way of Python's secrets.
    monkeypatch.setattr("django.utils.crypto.secrets.choice", lambda characters: characters[0])
    assert Browser(LAPTOP).sign_in(make_user("bob")).key == "a" * 32


@standard("V7.2.4")
def test_v7_2_4_new_token_on_authentication(alice: Any) -> None:
    browser = Browser(LAPTOP)
    browser.get("/write/")
    for _ in range(2):
        # First of a visitor, then of the user who is signed in already.
        before = copy_of(browser)
        browser.sign_in(alice)
        assert browser.key != before.key
        assert is_signed_in(browser)
        assert not is_signed_in(before)


# V7.3 Session timeout


@standard("V7.3.1", "SESSION_BACKEND_IDLE_TIMEOUT")
def test_v7_3_1_inactivity_timeout(clock: Clock, settings: Settings, alice: Any) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = 30 * MINUTE
    browser = Browser(LAPTOP).sign_in(alice)
    assert stays_signed_in(browser, clock, 3, minutes=29)
    clock.wait(minutes=30)
    assert not is_signed_in(browser)
    assert PastSession.objects.get().reason == "idle"
    assert is_signed_in(browser.sign_in(alice))


@standard("V7.3.2", "SESSION_BACKEND_ABSOLUTE_TIMEOUT")
def test_v7_3_2_absolute_lifetime(clock: Clock, settings: Settings, alice: Any) -> None:
    settings.SESSION_BACKEND_ABSOLUTE_TIMEOUT = 12 * HOUR
    settings.SESSION_SAVE_EVERY_REQUEST = True
    browser = Browser(LAPTOP).sign_in(alice)
    assert stays_signed_in(browser, clock, 11, hours=1)
    clock.wait(hours=1)
    assert not is_signed_in(browser)
    assert is_signed_in(browser.sign_in(alice))


# V7.4 Session termination


@standard("V7.4.1")
def test_v7_4_1_an_ended_session_is_of_no_use(clock: Clock, alice: Any, phone: Browser) -> None:
    thief = copy_of(phone)
    assert is_signed_in(thief)
    phone.post("/accounts/logout/")
    assert not is_signed_in(thief)
    phone.sign_in(alice)
    thief = copy_of(phone)
    clock.wait(seconds=site.SESSION_COOKIE_AGE)
    assert not is_signed_in(thief)
    assert not is_signed_in(phone)


@standard("V7.4.2")
def test_v7_4_2_disabled_and_deleted_accounts(alice: Any, phone: Browser, desk: Browser) -> None:
    laptop, other = Browser(LAPTOP).sign_in(alice), Browser(PHONE).sign_in(make_user("bob"))
    assert is_signed_in(phone)
    alice.is_active = False
    alice.save()
    assert [is_signed_in(one) for one in (phone, laptop, other)] == [False, False, True]
    # Nor do they come back with the account.
    alice.is_active = True
    alice.save()
    thief = copy_of(phone.sign_in(alice))
    url = f"/admin/{alice._meta.app_label}/{alice._meta.model_name}/{alice.pk}/delete/"
    assert desk.post(url, {"post": "yes"}).status_code == 302
    assert not is_signed_in(thief)
    assert is_signed_in(other)


@standard("V7.4.3")
def test_v7_4_3_other_sessions_end_with_the_password(alice: Any, phone: Browser) -> None:
    laptop = Browser(LAPTOP).sign_in(alice)
    passwords = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    change = {"old_password": PASSWORD, **passwords}
    assert laptop.post("/accounts/password_change/", change).status_code == 302
    assert is_signed_in(laptop)
    assert not is_signed_in(phone)
    # A forgotten password that is set by the link in an email ends all of them.
    alice.refresh_from_db()
    uid, token = (
        urlsafe_base64_encode(force_bytes(alice.pk)),
        default_token_generator.make_token(alice),
    )
    visitor = Browser(PHONE)
    visitor.get(f"/accounts/reset/{uid}/{token}/")
    url = f"/accounts/reset/{uid}/set-password/"
    assert visitor.post(url, dict.fromkeys(passwords, f"{NEW_PASSWORD}!")).status_code == 302
    assert not is_signed_in(laptop)


@standard("V7.4.5")
def test_v7_4_5_administrators_end_sessions(alice: Any, phone: Browser, desk: Browser) -> None:
    other = Browser(PHONE).sign_in(make_user("bob"))
    url = f"/admin/session_backend/session/sign-out/{alice.pk}/"
    assert b"1 session will be signed out." in desk.get(url).content
    desk.post(url, {"post": "yes"})
    assert [is_signed_in(one) for one in (phone, other, desk)] == [False, True, True]
    call_command("revokesessions", "--all", verbosity=0)
    assert [is_signed_in(one) for one in (other, desk)] == [False, False]
    reasons = PastSession.objects.values_list("user__username", "reason")
    assert set(reasons) == {(name, "revoked_by_staff") for name in ("alice", "bob", "boss")}


# V7.5 Defenses against session abuse


@standard("V7.5.2", "SESSION_UI_REAUTHENTICATE_AFTER")
def test_v7_5_2_users_see_and_end_their_sessions(alice: Any, phone: Browser) -> None:
    laptop, tablet = (Browser(LAPTOP).sign_in(alice) for _ in range(2))
    other = Browser(PHONE).sign_in(make_user("bob"))
    page = laptop.get(LIST).content.decode()
    for browser in (phone, laptop, tablet):
        assert str(browser.row.public_id) in page
    assert str(other.row.public_id) not in page
    laptop.post(REVOKE, {"session": str(phone.row.public_id)})
    assert [is_signed_in(one) for one in (phone, laptop, tablet)] == [False, True, True]
    laptop.post(REVOKE, {"session": "others"})
    assert [is_signed_in(one) for one in (laptop, tablet, other)] == [True, False, True]


@standard("V7.5.2", "SESSION_UI_REAUTHENTICATE_AFTER")
def test_v7_5_2_having_authenticated_again(
    clock: Clock, settings: Settings, alice: Any, phone: Browser
) -> None:
    settings.SESSION_UI_REAUTHENTICATE_AFTER = 5 * MINUTE
    laptop = Browser(LAPTOP).sign_in(alice)
    clock.wait(minutes=6)
    laptop.post(REVOKE, {"session": str(phone.row.public_id)})
    assert is_signed_in(phone)


# V7.6 Federated re-authentication


@standard("V7.6.2")
def test_v7_6_2_no_session_without_an_action(alice: Any) -> None:
    visitor = Browser(LAPTOP)
    for path in ("/", "/read/", LIST, "/accounts/login/", "/admin/"):
        visitor.get(path)
    assert visitor.key is None
    assert not Session.objects.exists()
    visitor.get("/accounts/login/", {"username": "alice", "password": PASSWORD})
    assert visitor.key is None
    assert is_signed_in(visitor.sign_in(alice))
