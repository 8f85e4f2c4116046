from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from session_backend import locations
from session_backend.locations import (
    NOWHERE,
    Place,
    database_problem,
    locate,
    location_info,
    place_label,
    warm_up,
)

if TYPE_CHECKING:
    from pytest_django import Settings

SWEDISH = "89.160.20.112"
UNKNOWN = "81.2.69.142"
LINKÖPING = Place("SE", "Sweden", "Linköping")
UPPSALA = Place("SE", "Sweden", "Uppsala")


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locations, "_database", locations._Database())


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locations, "RECHECK_SECONDS", 0)


def record(city: str | None = "Linköping", country: str = "Sweden", code: str = "SE") -> Any:
    names = {"city": {"names": {"en": city}}} if city else {}
    return {**names, "country": {"iso_code": code, "names": {"en": country}}}


def write(path: Path, *, kind: str = "GeoLite2-City", ip_version: int = 6, **of: Any) -> Path:
    """Move a database into its place that knows every address in `of`, by default one of them."""
    writer = MMDBWriter(ip_version, kind, ["en"], "test", ipv4_compatible=ip_version == 6)
    for network, content in (of.get("of") or {f"{SWEDISH}/32": record()}).items():
        writer.insert_network(IPSet([network]), content)
    new = path.with_suffix(".new")
    writer.to_db_file(str(new))
    os.replace(new, path)
    return path


def spoil(path: Path) -> None:
    """Break the records of a database and leave the rest, so that it opens and finds nothing."""
    content = path.read_bytes()
    end = content.index(b"\xab\xcd\xefMaxMind.com")
    new = path.with_suffix(".new")
    new.write_bytes(content[: end - 40] + b"\xff" * 40 + content[end:])
    os.replace(new, path)


# What is found


def test_a_city_database_gives_the_place(settings: Settings, tmp_path: Path) -> None:
    settings.GEOIP_PATH = write(tmp_path / "any-name.mmdb")
    assert locate(SWEDISH) == LINKÖPING
    assert locate(f"::ffff:{SWEDISH}") == LINKÖPING
    assert locate(f"{SWEDISH}:443") == LINKÖPING
    info = location_info(SWEDISH)
    assert info is not None
    assert info["city"] == "Linköping"
    assert info["time_zone"] is None


def test_a_country_database_gives_the_country(settings: Settings, tmp_path: Path) -> None:
    content = {"2001:4860::/32": record(None, "United States", "US")}
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", kind="GeoLite2-Country", of=content)
    assert locate("2001:4860::8888") == Place("US", "United States", "")
    info = location_info("2001:4860::8888")
    assert info is not None
    assert "city" not in info


def test_the_settings_of_django_name_the_file(settings: Settings, tmp_path: Path) -> None:
    settings.GEOIP_PATH = str(tmp_path)
    write(tmp_path / "GeoLite2-Country.mmdb", kind="GeoLite2-Country")
    assert locate(SWEDISH).city == ""
    settings.GEOIP_CITY = "city.mmdb"
    write(tmp_path / "city.mmdb")
    assert locate(SWEDISH) == LINKÖPING
    settings.GEOIP_CITY = "none.mmdb"
    settings.GEOIP_COUNTRY = "country.mmdb"
    write(tmp_path / "country.mmdb", of={f"{SWEDISH}/32": record("Uppsala")})
    assert locate(SWEDISH) == UPPSALA


def test_what_the_database_leaves_out_is_empty(settings: Settings, tmp_path: Path) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", of={f"{SWEDISH}/32": {"city": {}}})
    assert locate(SWEDISH) == NOWHERE
    assert location_info(SWEDISH) is not None


def test_names_fit_their_columns(settings: Settings, tmp_path: Path) -> None:
    content = {f"{SWEDISH}/32": record("ö" * 300, "å" * 300, "SWE")}
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", of=content)
    assert locate(SWEDISH) == Place("SW", "å" * 64, "ö" * 128)


def test_an_address_that_is_not_in_it_is_nowhere(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(UNKNOWN) == NOWHERE
    assert location_info(UNKNOWN) is None
    assert not caplog.records


@pytest.mark.parametrize(
    "ip",
    [
        "10.1.2.3",
        "127.0.0.1",
        "169.254.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.1.2.3",
    ],
)
def test_an_address_that_is_not_public_is_not_looked_up(
    settings: Settings, tmp_path: Path, ip: str
) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", of={"::/1": record(), "8000::/1": record()})
    assert locate(SWEDISH) == LINKÖPING
    assert locate(ip) == NOWHERE
    assert location_info(ip) is None


@pytest.mark.parametrize("ip", [None, "", "unix:", "www.example.com", "localhost", "<b>", "\0"])
def test_what_is_no_address_is_never_resolved(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ip: str | None
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(socket, "gethostbyname", asked.append)
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(ip) == NOWHERE
    assert location_info(ip) is None
    assert asked == []


def test_gdal_is_not_needed(settings: Settings, tmp_path: Path) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(SWEDISH) == LINKÖPING
    assert "django.contrib.gis.gdal" not in sys.modules


# What is wrong


@pytest.mark.parametrize("path", [None, ""])
def test_without_a_database_nothing_is_said(
    settings: Settings, caplog: pytest.LogCaptureFixture, path: str | None
) -> None:
    settings.GEOIP_PATH = path
    warm_up()
    assert locate(SWEDISH) == NOWHERE
    assert location_info(SWEDISH) is None
    assert database_problem() is None
    del settings.GEOIP_PATH
    assert locate(SWEDISH) == NOWHERE
    assert database_problem() is None
    assert not caplog.records


def missing(path: Path) -> Any:
    return path / "nowhere"


def empty(path: Path) -> Any:
    (path / "GeoLite2-City.mmdb").touch()
    return path


def of_another_kind(path: Path) -> Any:
    return write(path / "asn.mmdb", kind="GeoLite2-ASN")


def a_text(path: Path) -> Any:
    (path / "page.mmdb").write_text("<html>Sign in to download</html>")
    return path / "page.mmdb"


def a_number(path: Path) -> Any:
    return 42


def a_null_byte(path: Path) -> Any:
    return "\0"


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("broken", [missing, empty, of_another_kind, a_text, a_number, a_null_byte])
def test_a_broken_database_is_told_once(
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    broken: Callable[[Path], Any],
) -> None:
    settings.GEOIP_PATH = broken(tmp_path)
    for _ in range(3):
        assert locate(SWEDISH) == NOWHERE
        assert location_info(SWEDISH) is None
    (line,) = caplog.records
    assert (line.name, line.levelname) == ("session_backend.locations", "WARNING")
    problem = database_problem()
    assert problem
    assert problem in line.getMessage()
    assert len(caplog.records) == 1


@pytest.mark.usefixtures("at_once")
def test_a_mended_database_is_used_and_the_next_break_is_told(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = settings.GEOIP_PATH = tmp_path / "c.mmdb"
    assert locate(SWEDISH) == NOWHERE
    write(path)
    assert database_problem() is None
    assert locate(SWEDISH) == LINKÖPING
    path.unlink()
    assert locate(SWEDISH) == LINKÖPING
    assert len(caplog.records) == 2


@pytest.mark.usefixtures("at_once")
def test_records_that_cannot_be_read_are_told_once(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    spoil(path)
    for _ in range(3):
        assert locate(SWEDISH) == NOWHERE
        assert location_info(SWEDISH) is None
    assert len(caplog.records) == 1
    write(path)
    assert locate(SWEDISH) == LINKÖPING
    spoil(path)
    assert locate(SWEDISH) == NOWHERE
    assert len(caplog.records) == 2


def test_a_database_without_ipv6_finds_none_and_logs_no_address(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", ip_version=4)
    assert locate(SWEDISH) == LINKÖPING
    assert locate("2001:4860::8888") == NOWHERE
    assert locate("2001:4860::8844") == NOWHERE
    (line,) = caplog.records
    assert "2001" not in line.getMessage()


# What changes


@pytest.mark.usefixtures("at_once")
def test_a_new_database_is_used(settings: Settings, tmp_path: Path) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(SWEDISH) == LINKÖPING
    write(path, of={f"{SWEDISH}/32": record("Uppsala")})
    assert locate(SWEDISH) == UPPSALA


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("content", [None, b"", b"\xab\xcd\xefMaxMind.com"])
def test_the_old_database_serves_until_the_new_one_opens(
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    content: bytes | None,
) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(SWEDISH) == LINKÖPING
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for _ in range(3):
        assert locate(SWEDISH) == LINKÖPING
    assert len(caplog.records) == 1
    assert database_problem()
    write(path, of={f"{SWEDISH}/32": record("Uppsala")})
    assert locate(SWEDISH) == UPPSALA
    assert len(caplog.records) == 1


@pytest.mark.usefixtures("at_once")
def test_an_open_file_that_was_written_into_is_let_go(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(SWEDISH) == LINKÖPING
    path.write_bytes(b"x" * path.stat().st_size)
    for _ in range(3):
        assert locate(SWEDISH) == NOWHERE
    (line,) = caplog.records
    assert "cannot be opened" in line.getMessage()
    write(path)
    assert locate(SWEDISH) == LINKÖPING


def test_another_database_in_the_settings_replaces_the_old_one_at_once(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(SWEDISH) == LINKÖPING
    settings.GEOIP_PATH = tmp_path / "missing.mmdb"
    assert locate(SWEDISH) == NOWHERE
    assert len(caplog.records) == 1
    settings.GEOIP_PATH = write(tmp_path / "d.mmdb", of={f"{SWEDISH}/32": record("Uppsala")})
    assert locate(SWEDISH) == UPPSALA


def test_the_file_is_opened_once_and_looked_at_every_few_seconds(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    opened: list[Any] = []
    real_open = locations._open

    def counted_open(file: Any) -> Any:
        opened.append(file)
        return real_open(file)

    monkeypatch.setattr(locations, "monotonic", lambda: now[0])
    monkeypatch.setattr(locations, "_open", counted_open)
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    warm_up()
    assert len(opened) == 1
    write(path, of={f"{SWEDISH}/32": record("Uppsala")})
    now[0] += locations.RECHECK_SECONDS - 0.1
    assert locate(SWEDISH) == LINKÖPING
    now[0] += 0.2
    assert locate(SWEDISH) == UPPSALA
    now[0] += locations.RECHECK_SECONDS
    assert locate(SWEDISH) == UPPSALA
    assert len(opened) == 2
    # A file that was written into keeps its inode: its time and size count as well.
    os.utime(path, (1, 1))
    now[0] += locations.RECHECK_SECONDS
    assert locate(SWEDISH) == UPPSALA
    assert len(opened) == 3


@pytest.mark.usefixtures("at_once")
def test_threads_look_up_while_the_file_is_replaced(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    found: list[Place] = []
    done = Event()

    def look_up() -> None:
        while not done.is_set():
            found.append(locate(SWEDISH))

    threads = [Thread(target=look_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(20):
        write(path, of={f"{SWEDISH}/32": record("Uppsala" if turn % 2 else "Linköping")})
    done.set()
    for thread in threads:
        thread.join()
    assert found
    assert set(found) <= {LINKÖPING, UPPSALA}
    assert locate(SWEDISH) == UPPSALA
    assert not caplog.records


def test_threads_that_come_together_open_it_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    opened: list[Any] = []
    found: list[Place] = []
    real_open = locations._open
    others_may_come, opening = Event(), Event()

    def slow_open(file: Any) -> Any:
        opened.append(file)
        opening.set()
        others_may_come.wait(5)
        return real_open(file)

    monkeypatch.setattr(locations, "_open", slow_open)
    threads = [Thread(target=lambda: found.append(locate(SWEDISH))) for _ in range(4)]
    threads[0].start()
    assert opening.wait(5)
    for thread in threads[1:]:
        thread.start()
    others_may_come.set()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert found == [LINKÖPING] * 4


# In words


@pytest.mark.parametrize(
    ("city", "country", "label"),
    [
        ("Linköping", "Sweden", "Linköping, Sweden"),
        ("", "Sweden", "Sweden"),
        ("Linköping", "", "Linköping"),
        ("Singapore", "Singapore", "Singapore"),
        ("", "", None),
        ("100 %", "%(city)s", "100 %, %(city)s"),
    ],
)
def test_a_place_in_words(city: str, country: str, label: str | None) -> None:
    assert place_label(city, country) == label


def test_a_label_is_translated_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    arabic = {"%(city)s, %(country)s": "%(city)s، %(country)s"}
    monkeypatch.setattr(locations, "gettext", arabic.__getitem__)
    assert place_label("Linköping", "Sweden") == "Linköping، Sweden"
