from __future__ import annotations

import re
import socket
from contextlib import closing
from pathlib import Path

import geoip2.database

from tests.example_project.site import Browser, demo, query, serving

ROWS = """
    SELECT username, ip, user_agent, device_type, city, country_code
    FROM session_backend_session JOIN auth_user ON auth_user.id = user_id
    WHERE ip <> '127.0.0.1' ORDER BY 1, 2
"""


def printed_passwords(text: str) -> dict[str, str]:
    return dict(re.findall(r"Sign in +(\w+) +(\S+)", text))


def test_prints_the_address_and_the_passwords(built: tuple[Path, str]) -> None:
    assert "http://127.0.0.1:8000/" in built[1]
    assert printed_passwords(built[1]).keys() == {"alice", "bob"}


def test_uses_the_next_port_if_one_is_in_use(built: tuple[Path, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as busy:
        port = busy.getsockname()[1]
        with serving(built[0], port) as address:
            assert int(address.rpartition(":")[2]) > port
            assert Browser(address).open("/").status == 200


def test_creates_a_librarian_and_a_reader(built: tuple[Path, str]) -> None:
    users = query(built[0], "SELECT username, is_staff, is_superuser FROM auth_user ORDER BY 1")
    assert users == [("alice", 1, 1), ("bob", 0, 0)]


def test_each_user_has_ten_devices_of_every_kind(built: tuple[Path, str]) -> None:
    for user in ("alice", "bob"):
        kinds = [row[3] for row in query(built[0], ROWS) if row[0] == user]
        assert len(kinds) == 10
        assert set(kinds) == {"desktop", "mobile", "tablet", "bot", "unknown"}


def test_locations_come_from_the_geoip_database(built: tuple[Path, str]) -> None:
    located = [(ip, city, code) for _, ip, _, _, city, code in query(built[0], ROWS) if city]
    assert len(located) == 18
    assert {":" in ip for ip, _, _ in located} == {True, False}
    with geoip2.database.Reader(built[0] / "GeoLite2-City.mmdb") as reader:
        for ip, city, code in located:
            place = reader.city(ip)
            assert (place.city.name, place.country.iso_code) == (city, code)


def test_sessions_are_active_and_of_different_ages(built: tuple[Path, str]) -> None:
    times = query(
        built[0],
        "SELECT created_at < last_activity, last_activity < expire_date,"
        " expire_date > datetime('now'), date(created_at) FROM session_backend_session",
    )
    assert {row[:3] for row in times} == {(1, 1, 1)}
    assert len({row[3] for row in times}) > 10


def test_a_second_run_changes_nothing(built: tuple[Path, str], site: str) -> None:
    var, printed = built
    browser = Browser(site)
    browser.sign_in("bob", printed_passwords(printed)["bob"])
    before = query(var, ROWS)

    assert demo(var) == printed

    assert query(var, ROWS) == before
    assert browser.open("/account/").url.endswith("/account/")
