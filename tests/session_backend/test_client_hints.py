"""What browsers tell of a device when they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.http import HttpResponse

from session_backend.client_hints import ask, refined
from session_backend.models import Session
from session_backend.signals import session_moved
from tests.browsers import LAPTOP, PHONE, Browser
from tests.session_backend.helpers import age_sessions
from tests.session_backend.sign_ins import USER_AGENTS

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site", "engine")]

WINDOWS_11: dict[str, Any] = {
    "HTTP_SEC_CH_UA_PLATFORM": '"Windows"',
    "HTTP_SEC_CH_UA_PLATFORM_VERSION": '"15.0.0"',
    "HTTP_SEC_CH_UA_MODEL": '""',
}
PIXEL: dict[str, Any] = {
    "HTTP_SEC_CH_UA_PLATFORM": '"Android"',
    "HTTP_SEC_CH_UA_PLATFORM_VERSION": '"16.0.0"',
    "HTTP_SEC_CH_UA_MODEL": '"Pixel 9"',
}
ANDROID = {**PHONE, "HTTP_USER_AGENT": USER_AGENTS["Chrome 141, Android"]}
WANTED = "Sec-CH-UA-Platform-Version, Sec-CH-UA-Model"


@pytest.fixture(autouse=True)
def _hints(settings: Settings) -> None:
    settings.SESSION_BACKEND_CLIENT_HINTS = True


@pytest.fixture
def moved() -> Iterator[list[Any]]:
    changes: list[Any] = []

    def receiver(**kwargs: Any) -> None:
        changes.append(kwargs["changes"])

    session_moved.connect(receiver)
    yield changes
    session_moved.disconnect(receiver)


def test_pages_ask(laptop: Browser) -> None:
    assert laptop.get("/accounts/login/")["Accept-CH"] == WANTED
    assert laptop.get("/without/")["Accept-CH"] == WANTED


def test_only_pages_ask() -> None:
    response = HttpResponse("{}", content_type="application/json")
    ask(response)
    assert "Accept-CH" not in response
    response = HttpResponse()
    del response["Content-Type"]
    ask(response)
    assert "Accept-CH" not in response


def test_what_the_site_asks_for_stays() -> None:
    response = HttpResponse(headers={"Accept-CH": "DPR"})
    ask(response)
    assert response["Accept-CH"] == f"DPR, {WANTED}"


@pytest.mark.parametrize(
    "off", [{"CLIENT_HINTS": False}, {"STORE_USER_AGENT": False}, {"CLIENT_HINTS": "True"}]
)
def test_off(off: dict[str, Any], settings: Settings, alice: Any, laptop: Browser) -> None:
    for name, value in off.items():
        setattr(settings, f"SESSION_BACKEND_{name}", value)
    assert "Accept-CH" not in laptop.get("/accounts/login/")
    laptop.defaults.update(WINDOWS_11)
    assert laptop.sign_in(alice).row.os in ("Windows", "")
    assert refined({"os": "Windows"}, WINDOWS_11) == {}


@pytest.mark.parametrize(
    ("device", "hints", "label"),
    [
        (LAPTOP, WINDOWS_11, "Chrome on Windows 11"),
        (LAPTOP, {**WINDOWS_11, "HTTP_SEC_CH_UA_PLATFORM_VERSION": '"13"'}, "Chrome on Windows 11"),
        (
            LAPTOP,
            {**WINDOWS_11, "HTTP_SEC_CH_UA_PLATFORM_VERSION": '"10.0.0"'},
            "Chrome on Windows",
        ),
        (LAPTOP, {**WINDOWS_11, "HTTP_SEC_CH_UA_MODEL": '"Pixel 9"'}, "Chrome on Windows 11"),
        (LAPTOP, PIXEL, "Chrome on Windows"),
        (ANDROID, PIXEL, "Chrome on Pixel 9"),
        (ANDROID, {**PIXEL, "HTTP_SEC_CH_UA_MODEL": '""'}, "Chrome on Android"),
        (ANDROID, WINDOWS_11, "Chrome on Android"),
        (PHONE, {**PIXEL, "HTTP_SEC_CH_UA_PLATFORM": '"iOS"'}, "Safari on iPhone"),
        ({"HTTP_USER_AGENT": "", "REMOTE_ADDR": ""}, WINDOWS_11, "Unknown device"),
    ],
)
def test_sign_in(device: Any, hints: Any, label: str, alice: Any) -> None:
    assert Browser({**device, **hints}).sign_in(alice).row.device() == label


def test_an_anonymous_session_signs_in(alice: Any, laptop: Browser) -> None:
    laptop.get("/write/")
    assert laptop.row.os == "Windows"
    laptop.defaults.update(WINDOWS_11)
    assert laptop.sign_in(alice).row.os == "Windows 11"


def test_a_touch(alice: Any, laptop: Browser, moved: list[Any]) -> None:
    laptop.force_login(alice)
    laptop.get("/read/", **WINDOWS_11)
    assert laptop.row.os == "Windows 11"
    age_sessions()
    laptop.get("/read/", HTTP_USER_AGENT=USER_AGENTS["Chrome 140, Windows"], **WINDOWS_11)
    assert laptop.row.user_agent == USER_AGENTS["Chrome 140, Windows"]
    assert laptop.row.os == "Windows 11"
    assert moved == []


@pytest.mark.parametrize("page", ["/read/", "/write/"])
def test_another_address_keeps_them(page: str, alice: Any, moved: list[Any]) -> None:
    browser = Browser({**ANDROID, **PIXEL}).sign_in(alice)
    age_sessions()
    # Some requests have no hints.
    browser.defaults = {**ANDROID, "REMOTE_ADDR": "203.0.113.9"}
    browser.get(page)
    assert browser.row.ip == "203.0.113.9"
    assert browser.row.device() == "Chrome on Pixel 9"
    assert moved == []


def test_another_browser_drops_them(alice: Any, laptop: Browser, moved: list[Any]) -> None:
    laptop.defaults.update(WINDOWS_11)
    laptop.sign_in(alice)
    age_sessions()
    laptop.get("/read/", **PHONE)
    assert laptop.row.device() == "Safari on iPhone"
    assert moved[0]["os"] == ("Windows", "iOS")


def test_they_make_no_device_new(alice: Any, news: list[bool]) -> None:
    Browser(LAPTOP).sign_in(alice)
    Browser({**LAPTOP, **WINDOWS_11}).sign_in(alice)
    Browser(LAPTOP).sign_in(alice)
    Browser(ANDROID).sign_in(alice)
    Browser({**ANDROID, **PIXEL}).sign_in(alice)
    assert news == [False, False, False, True, False]


def test_enrichsessions_keeps_them(alice: Any) -> None:
    laptop = Browser({**LAPTOP, **WINDOWS_11}).sign_in(alice)
    phone = Browser({**ANDROID, **PIXEL}).sign_in(alice)
    Session.objects.update(browser="")
    call_command("enrichsessions", verbosity=0)
    assert laptop.row.device() == "Chrome on Windows 11"
    assert phone.row.device() == "Chrome on Pixel 9"
    Session.objects.update(os="Windows 12", device_model="Toaster")
    call_command("enrichsessions", verbosity=0)
    assert laptop.row.device() == "Chrome on Windows"
    assert laptop.row.device_model == ""


GARBAGE: list[Any] = ["", '"', "Windows", '"Windows', "'15.0.0'", '"a"b"', '"\\"', '"\\""']
GARBAGE += ["\x00", '"\x00"', '"é"', f'"{"1" * 10_000}"', b'"15.0.0"', None, 15]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage(garbage: Any) -> None:
    for name in ("HTTP_SEC_CH_UA_PLATFORM", "HTTP_SEC_CH_UA_PLATFORM_VERSION"):
        assert refined({"os": "Windows"}, {**WINDOWS_11, name: garbage}) == {}
    assert refined({"os": "Android"}, {**PIXEL, "HTTP_SEC_CH_UA_MODEL": garbage}) == {}
    assert refined({}, {"HTTP_SEC_CH_UA_PLATFORM": garbage}) == {}


@pytest.mark.parametrize("version", ["-15", "15,0", "15x", "9999", "", " ", "0x10"])
def test_versions_that_are_none(version: str) -> None:
    hints = {**WINDOWS_11, "HTTP_SEC_CH_UA_PLATFORM_VERSION": f'"{version}"'}
    assert refined({"os": "Windows"}, hints) == {}


@pytest.mark.parametrize("garbage", ["\x00", "x" * 10_000, '"\\"\x7f', "\xff\xfe"])
def test_garbage_signs_in(garbage: str, alice: Any) -> None:
    hints = dict.fromkeys(PIXEL, garbage)
    assert Browser({**ANDROID, **hints}).sign_in(alice).row.device() == "Chrome on Android"
