"""Malformed and malicious requests get a response, and affect no other session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache

from session_backend.cache import entry_key
from session_backend.models import Session
from tests.browsers import LAPTOP, PASSWORD, AsyncBrowser, Browser

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site", "engine")]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"

# What is sent and what is recorded; None: the same. WSGI decodes headers as latin-1.
USER_AGENTS = {
    "20 kB": (FIREFOX + " " + "x" * 20_000, (FIREFOX + " " + "x" * 512)[:512]),
    "empty": ("", ""),
    "blank": (" \t ", ""),
    "NUL": (f"\x00{FIREFOX}\x00", FIREFOX),
    "control characters": ("a\r\nb\x1b[31m\x7f", "ab[31m"),
    "invalid UTF-8": ("caf\xe9 \xff\xfe", "caf\ufffd \ufffd\ufffd"),
    "UTF-8": ("café 🦊".encode().decode("latin-1"), "café 🦊"),
    "HTML": ("<script>alert('Linux')</script>", None),
    "SQL": ("'; DROP TABLE session_backend_session; --", None),
    "format": ("%s %(x)s {0}", None),
}

ADDRESSES = {
    "": None,
    "unix:": None,
    "unix:/run/gunicorn.sock": None,
    "garbage": None,
    "999.1.1.1": None,
    "192.0.2.1, 192.0.2.2": None,
    "192.0.2.1:8080": "192.0.2.1",
    "[2001:db8::1]:443": "2001:db8::1",
    "fe80::1%eth0": "fe80::1",
    "::ffff:192.0.2.1": "192.0.2.1",
    "2001:DB8:0:0:0:0:0:1": "2001:db8::1",
    "x" * 20_000: None,
}

PAGES = ["/read/", "/write/", "/cycle/", "/flush/", "/poll/", "/aread/"]
COOKIES = {
    "10 kB": "k" * 10_240,
    "bytes": "\xff\xfe\x80\x81\x82\x83\x84\x85",
    "NUL": "key\x00key\x00key",
    "short": "1",
    "empty": "",
    "digits": "0" * 32,
    "HTML": "<script>alert(1)</script>",
    "path": "../../../../etc/passwd",
}

TAMPERINGS: dict[str, Callable[[str], str]] = {
    "emptied": lambda data: "",
    "replaced": lambda data: "nonsense",
    "wrong signature": lambda data: data[:-1] + ("a" if data[-1] != "a" else "b"),
    "reversed": lambda data: data[::-1],
    "marked as compressed": lambda data: "." + data,
    "not ASCII": lambda data: "\N{SNOWMAN}" * 10,
}


def visit(device: dict[str, Any], user: Any) -> Session:
    """Sign in, be touched, save, and return the session."""
    browser = Browser(device).sign_in(user)
    assert browser.get("/read/").content == b"alice: 0"
    Session.objects.update(last_activity="2020-01-01T00:00:00Z")
    cache.clear()
    assert browser.get("/read/").content == b"alice: 0"
    assert browser.get("/write/").content == b"alice: 1"
    assert browser.row.last_activity.year > 2020
    return browser.row


@pytest.mark.parametrize("kind", USER_AGENTS)
def test_user_agent(kind: str, alice: Any) -> None:
    sent, recorded = USER_AGENTS[kind]
    row = visit({**LAPTOP, "HTTP_USER_AGENT": sent}, alice)
    assert row.user_agent == (sent if recorded is None else recorded)
    assert row.ip == LAPTOP["REMOTE_ADDR"]
    assert row.device()


def test_missing_user_agent(alice: Any) -> None:
    row = visit({"REMOTE_ADDR": LAPTOP["REMOTE_ADDR"]}, alice)
    assert (row.user_agent, row.device_type) == ("", "unknown")


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address[:30])
def test_address(address: str, alice: Any) -> None:
    row = visit({**LAPTOP, "REMOTE_ADDR": address}, alice)
    assert row.ip == ADDRESSES[address]
    assert row.user_agent == LAPTOP["HTTP_USER_AGENT"]


def test_missing_address() -> None:
    # As from an ASGI server behind a Unix socket.
    browser = AsyncBrowser({"HTTP_USER_AGENT": FIREFOX})
    assert browser.get("/write/").content == b"anonymous: 1"
    assert browser.get("/write/").content == b"anonymous: 2"
    assert (browser.row.ip, browser.row.user_agent) == (None, FIREFOX)


@pytest.mark.parametrize("forged", ["203.0.113.9", "garbage", ",,,", "x" * 20_000, "\xff"])
def test_forwarded_headers_ignored(forged: str, alice: Any) -> None:
    headers = {"HTTP_X_FORWARDED_FOR": forged, "HTTP_X_REAL_IP": forged, "HTTP_FORWARDED": forged}
    assert visit({**LAPTOP, **headers}, alice).ip == LAPTOP["REMOTE_ADDR"]


def test_address_from_trusted_proxy(alice: Any, settings: Settings) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = ["10.0.0.0/8"]
    headers = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.7"}
    assert visit({**LAPTOP, **headers}, alice).ip == "198.51.100.7"


@pytest.mark.parametrize("kind", COOKIES)
@pytest.mark.parametrize("page", PAGES)
def test_invalid_cookie(kind: str, page: str, alice: Any, laptop: Browser, phone: Browser) -> None:
    phone.sign_in(alice)
    response = laptop.get(page, HTTP_COOKIE=f"sessionid={COOKIES[kind]}")
    assert response.status_code == 200
    assert b"alice" not in response.content
    assert phone.get("/read/").content == b"alice: 0"


@pytest.mark.parametrize("kind", COOKIES)
def test_sign_in_with_invalid_cookie(kind: str, alice: Any, laptop: Browser) -> None:
    form = {"username": "alice", "password": PASSWORD}
    response = laptop.post("/accounts/login/", form, HTTP_COOKIE=f"sessionid={COOKIES[kind]}")
    assert response.status_code == 302
    assert laptop.key not in (None, COOKIES[kind])
    assert laptop.get("/read/").content == b"alice: 0"


@pytest.mark.parametrize("page", PAGES)
def test_digest_as_cookie(page: str, alice: Any, laptop: Browser, phone: Browser) -> None:
    row = phone.sign_in(alice).row
    laptop.cookies["sessionid"] = str(row.session_key)
    assert b"alice" not in laptop.get(page).content
    assert b"alice" not in laptop.get("/read/").content
    assert phone.get("/read/").content == b"alice: 0"


@pytest.mark.parametrize("kind", TAMPERINGS)
def test_tampered_data_logged(
    kind: str, alice: Any, laptop: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    row = laptop.sign_in(alice).row
    Session.objects.update(session_data=TAMPERINGS[kind](row.session_data))
    cache.clear()
    assert laptop.get("/read/").content == b"anonymous: 0"
    assert ("django.security.SuspiciousSession", 30, "Session data corrupted") in (
        caplog.record_tuples
    )
    assert laptop.get("/write/").content == b"anonymous: 1"
    laptop.sign_in(alice)
    assert laptop.get("/read/").content == b"alice: 1"


@pytest.mark.parametrize("entry", [None, 0, "text", ["alice"], {"_auth_user_id": "1"}])
def test_invalid_cache_entry(entry: object, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    cache.set(entry_key(laptop.row.session_key), entry)
    assert laptop.get("/read/").content == b"alice: 0"
    assert laptop.get("/write/").content == b"alice: 1"


@pytest.mark.parametrize("content", [b"", b"not a database", b"\xab\xcd\xefMaxMind.com" * 9, None])
def test_broken_geoip_database_logged_once(
    content: bytes | None,
    alice: Any,
    tmp_path: Path,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.GEOIP_PATH = tmp_path / "GeoLite2-City.mmdb"
    if content is not None:
        settings.GEOIP_PATH.write_bytes(content)
    row = visit(LAPTOP, alice)
    assert row.ip == LAPTOP["REMOTE_ADDR"]
    assert row.location() is None
    assert row.location_info() is None
    (record,) = (record for record in caplog.records if record.name.startswith("session_backend"))
    assert record.levelname == "WARNING"
    assert "GeoIP" in record.getMessage()
