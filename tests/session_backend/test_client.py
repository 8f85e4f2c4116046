from __future__ import annotations

from io import BytesIO
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest

from session_backend.client import (
    MAX_HOPS,
    MAX_USER_AGENT,
    UNKNOWN,
    Client,
    clean_ip,
    clean_user_agent,
    client_from_meta,
    sanitized_client,
    trusted_proxies_problem,
)

if TYPE_CHECKING:
    from pytest_django import Settings

CLIENT = "8.8.4.4"
FORGED = "6.6.6.6"
BROKEN_PROXIES: list[Any] = [
    "10.0.0.0/8",
    ["10.0.0.0/8", "nonsense"],
    ["10.0.0.0/99"],
    [None],
    [["10.0.0.0/8"]],
    [8],
    True,
    -1,
    MAX_HOPS + 1,
    10**30,
    3.5,
    object(),
]


def meta(remote_addr: object = "10.0.0.1", forwarded: object = None) -> dict[str, Any]:
    values = {"REMOTE_ADDR": remote_addr, "HTTP_X_FORWARDED_FOR": forwarded}
    return {name: value for name, value in values.items() if value is not None}


def ip(remote_addr: object = "10.0.0.1", forwarded: object = None) -> str | None:
    return client_from_meta(meta(remote_addr, forwarded)).ip


def user_agent(value: object) -> str:
    return client_from_meta({"HTTP_USER_AGENT": value}).user_agent


def wsgi_meta(user_agent: bytes) -> dict[str, Any]:
    environ = {
        "REQUEST_METHOD": "GET",
        "REMOTE_ADDR": CLIENT,
        "HTTP_USER_AGENT": user_agent.decode("latin-1"),
        "wsgi.input": BytesIO(),
    }
    return WSGIRequest(environ).META


def asgi_meta(user_agent: bytes) -> dict[str, Any]:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "client": (CLIENT, 50000),
        "headers": [(b"user-agent", user_agent)],
    }
    return ASGIRequest(scope, BytesIO()).META


# Addresses


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[192.0.2.1]:80", "192.0.2.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("[::1]:80", "::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        (IPv4Address("192.0.2.1"), "192.0.2.1"),
        (IPv6Address("::ffff:192.0.2.1"), "192.0.2.1"),
    ],
)
def test_cleaning_an_address(value: object, clean: str) -> None:
    assert clean_ip(value) == clean


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "unix:",
        "unix:/run/site.sock",
        "unknown",
        "localhost",
        "192.0.2",
        "192.0.2.1.1",
        "192.0.2.256",
        "192.0.2.01",
        "192.0.2.1%eth0",
        "192.0.2.1:http",
        "192.0.2.1/24",
        "192.0.2.1\0",
        "٣.٣.٣.٣",
        "[::1",
        "::1]",
        "[]:80",
        "fe80::1%eth0%eth1",
        "::ffff:192.0.2.1:80",
        "<script>",
        "\udc80",
        "1" * 20_000,
        None,
        0,
        3221225985,
        b"192.0.2.1",
        ("192.0.2.1", 80),
    ],
)
def test_an_invalid_address_is_none(value: object) -> None:
    assert clean_ip(value) is None


def test_by_default_no_header_changes_the_address() -> None:
    assert ip(CLIENT, FORGED) == CLIENT


def test_a_request_without_an_address() -> None:
    assert client_from_meta({}) == UNKNOWN
    assert client_from_meta({"REMOTE_ADDR": "", "HTTP_USER_AGENT": "x"}) == Client(None, "x")


# Trusted proxies: networks


@pytest.mark.parametrize(
    ("remote_addr", "forwarded", "client"),
    [
        ("10.0.0.1", CLIENT, CLIENT),
        ("10.0.0.1:5000", f"{CLIENT}:1234", CLIENT),
        ("10.0.0.1", f"{FORGED}, {CLIENT}", CLIENT),
        ("10.0.0.1", f"{FORGED},{CLIENT},10.0.0.3 , 10.0.0.2", CLIENT),
        ("10.0.0.1", "2001:4860::1, fd00::5", "2001:4860::1"),
        ("fd00::1", CLIENT, CLIENT),
        ("::ffff:10.0.0.1", CLIENT, CLIENT),
        # Only proxies.
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # The connection is not from a proxy, so the client wrote the header.
        (CLIENT, FORGED, CLIENT),
        (CLIENT, f"{FORGED}, 10.0.0.2", CLIENT),
        # A hop that is not an address: what is to its left cannot be trusted.
        ("10.0.0.1", f"{FORGED}, garbage", "10.0.0.1"),
        ("10.0.0.1", f"{FORGED}, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", f"{FORGED}, unix:, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        ("10.0.0.1", b"8.8.4.4", "10.0.0.1"),
        ("garbage", FORGED, None),
        ("", FORGED, None),
        ("unix:", FORGED, None),
    ],
)
def test_hops_are_read_from_the_right_past_trusted_networks_only(
    settings: Settings, remote_addr: str, forwarded: object, client: str | None
) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = ["10.0.0.0/8", "fd00::/8"]
    assert ip(remote_addr, forwarded) == client


@pytest.mark.parametrize("trusted", ["10.0.0.1", "10.0.0.9/8", "::ffff:10.0.0.0/104"])
def test_notations_of_a_network(settings: Settings, trusted: str) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = [trusted]
    assert ip("10.0.0.1", CLIENT) == CLIENT
    assert ip("11.0.0.1", FORGED) == "11.0.0.1"


@pytest.mark.parametrize("kind", [list, tuple, set])
def test_networks_in_any_collection(settings: Settings, kind: type) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = kind([ip_network("10.0.0.0/8")])
    assert ip("10.0.0.1", CLIENT) == CLIENT


@pytest.mark.parametrize("remote_addr", [None, "", "unix:", "unix:/run/site.sock"])
def test_a_proxy_on_a_unix_socket_is_trusted_by_name(
    settings: Settings, remote_addr: str | None
) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = ["unix"]
    assert ip(remote_addr, f"{FORGED}, {CLIENT}") == CLIENT
    assert ip(remote_addr, f"{FORGED}, {CLIENT}, unix:") == CLIENT
    assert ip(remote_addr, None) is None
    assert ip(CLIENT, FORGED) == CLIENT
    assert ip("garbage", FORGED) is None
    assert ip(b"", FORGED) is None


def test_the_number_of_hops_is_limited(settings: Settings) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert ip("10.0.0.1", ", ".join([CLIENT] + ["10.0.0.2"] * (MAX_HOPS - 1))) == CLIENT
    assert ip("10.0.0.1", ", ".join([CLIENT] + ["10.0.0.2"] * MAX_HOPS)) == "10.0.0.2"


# Trusted proxies: a count


@pytest.mark.parametrize(
    ("count", "forwarded", "client"),
    [
        (1, CLIENT, CLIENT),
        (1, f"{FORGED}, {CLIENT}", CLIENT),
        (2, f"{FORGED}, {CLIENT}, 10.0.0.2", CLIENT),
        (MAX_HOPS, ",".join([FORGED, CLIENT] + ["10.0.0.2"] * (MAX_HOPS - 1)), CLIENT),
        # An empty value is a hop too: skipping it would reach what the client wrote.
        (2, f"{FORGED}, {CLIENT},", CLIENT),
        # Fewer values than proxies: the request bypassed some of them.
        (2, FORGED, "10.0.0.1"),
        (1, None, "10.0.0.1"),
        (1, f"{FORGED}, garbage", "10.0.0.1"),
        (0, FORGED, "10.0.0.1"),
    ],
)
def test_a_number_of_proxies_counts_from_the_right(
    settings: Settings, count: int, forwarded: str | None, client: str
) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = count
    assert ip("10.0.0.1", forwarded) == client


def test_the_nearest_of_counted_proxies_may_use_a_unix_socket(settings: Settings) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = 1
    assert ip("unix:", CLIENT) == CLIENT
    assert ip("unix:", None) is None


@pytest.mark.parametrize("setting", BROKEN_PROXIES)
def test_an_invalid_setting_trusts_no_proxy(settings: Settings, setting: object) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = setting
    assert ip("10.0.0.1", FORGED) == "10.0.0.1"
    assert trusted_proxies_problem()


@pytest.mark.parametrize("setting", [[], (), 0, 2, ["unix"], ["10.0.0.0/8", "fd00::/8"]])
def test_a_valid_setting_has_no_problem(settings: Settings, setting: object) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = setting
    assert trusted_proxies_problem() is None


def test_without_the_setting_there_is_no_problem() -> None:
    assert trusted_proxies_problem() is None


# What may be stored


@pytest.mark.parametrize(
    ("how", "address", "kept"),
    [
        ("full", "81.2.69.142", "81.2.69.142"),
        ("truncated", "81.2.69.142:80", "81.2.69.0"),
        ("truncated", "2001:4860:4860:1234::8888", "2001:4860:4860::"),
        ("truncated", "::ffff:81.2.69.142", "81.2.69.0"),
        ("truncated", "garbage", None),
        ("off", "81.2.69.142", None),
        ("of", "81.2.69.142", None),
    ],
)
def test_storing_addresses(settings: Settings, how: str, address: str, kept: str | None) -> None:
    settings.SESSION_BACKEND_STORE_IP = how
    assert sanitized_client(address, "").ip == kept
    assert ip(address) == kept


def test_storing_user_agents(settings: Settings) -> None:
    assert sanitized_client("", "curl/8").user_agent == "curl/8"
    settings.SESSION_BACKEND_STORE_USER_AGENT = False
    assert sanitized_client("", "curl/8").user_agent == ""
    assert user_agent("curl/8") == ""


# User agents


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("curl/8.5.0", "curl/8.5.0"),
        ("  curl/8.5.0\n", "curl/8.5.0"),
        ("", ""),
        ("\0\0\0", ""),
        ("a\0b\tc\r\nd\x7fe", "abcde"),
        ("abc\u202edef\u200b", "abcdef"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("naïve 浏览器 🦊", "naïve 浏览器 🦊"),
        ("a\ud800b\udcffc", "a?b?c"),
        ("x" * 20_000, "x" * MAX_USER_AGENT),
        ("🦊" * 20_000, "🦊" * MAX_USER_AGENT),
        (None, ""),
        (42, ""),
        (b"curl/8.5.0", ""),
        (["curl/8.5.0"], ""),
    ],
)
def test_cleaning_a_user_agent(value: object, clean: str) -> None:
    assert clean_user_agent(value) == clean
    assert user_agent(value) == clean
    clean.encode()


def test_control_characters_beyond_ascii_are_removed() -> None:
    assert clean_user_agent("a\x80b\x9fc") == "abc"


@pytest.mark.parametrize("request_meta", [wsgi_meta, asgi_meta])
@pytest.mark.parametrize(
    ("sent", "clean"),
    [
        (b"curl/8.5.0", "curl/8.5.0"),
        (b"", ""),
        ("naïve 浏览器 🦊".encode(), "naïve 浏览器 🦊"),
        (b"na\xefve \xff\xfe", "na\ufffdve \ufffd\ufffd"),
        ("🦊".encode() * 5_000, "🦊" * MAX_USER_AGENT),
        (b"x" + "🦊".encode() * 5_000, "x" + "🦊" * (MAX_USER_AGENT - 1)),
        (b"x" * 20_000, "x" * MAX_USER_AGENT),
    ],
)
def test_a_user_agent_is_decoded(request_meta: Any, sent: bytes, clean: str) -> None:
    assert client_from_meta(request_meta(sent)) == Client(CLIENT, clean)
