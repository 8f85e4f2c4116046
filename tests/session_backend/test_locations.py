from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from ipaddress import ip_address
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
def _new_process() -> None:
    locations._open.cache_clear()
    locations._warn_once.cache_clear()


def record(city: Any = "Linköping", country: Any = "Sweden", code: Any = "SE") -> Any:
    names = {"city": {"names": {"en": city}}} if city else {}
    return {**names, "country": {"iso_code": code, "names": {"en": country}}}


def write(path: Path, *, kind: str = "GeoLite2-City", ip_version: int = 6, **of: Any) -> Path:
    """Rename a new database into place, with the networks in `of`, or SWEDISH."""
    writer = MMDBWriter(ip_version, kind, ["en"], "test", ipv4_compatible=ip_version == 6)
    for network, content in (of.get("of") or {f"{SWEDISH}/32": record()}).items():
        writer.insert_network(IPSet([network]), content)
    new = path.with_suffix(".new")
    writer.to_db_file(str(new))
    os.replace(new, path)
    return path


def write_uppsala(path: Path) -> None:
    write(path, of={f"{SWEDISH}/32": record("Uppsala")})


def break_records(path: Path) -> None:
    """Damage a database so that it opens and every lookup fails."""
    content = path.read_bytes()
    end = content.index(b"\xab\xcd\xefMaxMind.com")
    new = path.with_suffix(".new")
    new.write_bytes(content[: end - 40] + b"\xff" * 40 + content[end:])
    os.replace(new, path)


# Lookups


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
    write_uppsala(tmp_path / "country.mmdb")
    assert locate(SWEDISH) == UPPSALA


def test_missing_values_are_empty(settings: Settings, tmp_path: Path) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", of={f"{SWEDISH}/32": {"city": {}}})
    assert locate(SWEDISH) == NOWHERE
    assert location_info(SWEDISH) is not None


@pytest.mark.parametrize("value", [46, {"se": "SE"}, ["SE"], True, 4.6, b"SE"])
def test_a_value_that_is_not_text_is_empty(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    content = {f"{SWEDISH}/32": record(value, value, value)}
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", of=content)
    assert locate(SWEDISH) == NOWHERE
    assert not caplog.records


def test_names_fit_their_columns(settings: Settings, tmp_path: Path) -> None:
    content = {f"{SWEDISH}/32": record("ö" * 300, "å" * 300, "SWE")}
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", of=content)
    assert locate(SWEDISH) == Place("SW", "å" * 64, "ö" * 128)


def test_an_unknown_address_is_nowhere(
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
def test_host_names_are_not_resolved(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ip: str | None
) -> None:
    resolved: list[str] = []
    monkeypatch.setattr(socket, "gethostbyname", resolved.append)
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(ip) == NOWHERE
    assert location_info(ip) is None
    assert resolved == []


# Imports

CONFIGURE = (
    "import sys\n"
    "from django.conf import settings\n"
    "settings.configure(GEOIP_PATH={path!r})\n"
    "from session_backend.locations import locate, warm_up\n"
    "warm_up()\n"
)


def run_script(path: Path | None, script: str) -> None:
    code = CONFIGURE.format(path=path and str(path)) + script
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_without_geoip_path_no_geoip_library_is_imported() -> None:
    libraries = {"aiohttp", "django.contrib.gis", "geoip2", "maxminddb", "requests"}
    run_script(None, f"locate({SWEDISH!r})\nassert not {libraries} & set(sys.modules)")


def test_gdal_and_the_web_client_of_geoip2_are_not_imported(tmp_path: Path) -> None:
    libraries = {"aiohttp", "django.contrib.gis.gdal", "requests"}
    run_script(
        write(tmp_path / "c.mmdb"),
        f"assert locate({SWEDISH!r}).city == 'Linköping'\n"
        f"assert not {libraries} & set(sys.modules)",
    )


# Problems


@pytest.mark.parametrize("path", [None, ""])
def test_without_geoip_path_there_is_no_warning(
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


@pytest.mark.parametrize("broken", [missing, empty, of_another_kind, a_text, a_number, a_null_byte])
def test_a_broken_database_is_logged_once(
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


def test_a_fixed_database_is_used_and_the_next_problem_is_logged(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = settings.GEOIP_PATH = tmp_path / "c.mmdb"
    assert locate(SWEDISH) == NOWHERE
    write(path)
    assert database_problem() is None
    assert locate(SWEDISH) == LINKÖPING
    path.unlink()
    assert locate(SWEDISH) == NOWHERE
    assert len(caplog.records) == 2


@pytest.mark.parametrize("content", [b"", b"\xab\xcd\xefMaxMind.com", b"x" * 10_000])
def test_a_database_that_was_written_into_is_not_read_again(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(SWEDISH) == LINKÖPING
    path.write_bytes(content)
    for _ in range(3):
        assert locate(SWEDISH) == NOWHERE
    (line,) = caplog.records
    assert "cannot be opened" in line.getMessage()
    assert database_problem()
    write_uppsala(path)
    assert locate(SWEDISH) == UPPSALA


def test_a_failure_to_open_is_not_remembered(settings: Settings, tmp_path: Path) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(0, before.st_mtime_ns))
    assert locate(SWEDISH) == NOWHERE
    good = write(tmp_path / "good.mmdb").read_bytes()
    path.write_bytes(good)
    os.utime(path, ns=(0, before.st_mtime_ns))
    assert locate(SWEDISH) == LINKÖPING


def test_records_that_cannot_be_read_are_logged_once(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    break_records(path)
    for _ in range(3):
        assert locate(SWEDISH) == NOWHERE
        assert location_info(SWEDISH) is None
    assert len(caplog.records) == 1
    write(path)
    assert locate(SWEDISH) == LINKÖPING
    break_records(path)
    assert locate(SWEDISH) == NOWHERE
    assert len(caplog.records) == 2


def test_a_failed_lookup_does_not_log_the_address(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", ip_version=4)
    assert locate(SWEDISH) == LINKÖPING
    assert locate("2001:4860::8888") == NOWHERE
    assert locate("2001:4860::8844") == NOWHERE
    (line,) = caplog.records
    assert "2001" not in line.getMessage()


# Updates


def test_a_replaced_file_is_used_and_opened_once(settings: Settings, tmp_path: Path) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    warm_up()
    assert locate(SWEDISH) == LINKÖPING
    assert locations._open.cache_info().misses == 1
    write_uppsala(path)
    assert locate(SWEDISH) == UPPSALA
    assert locate(SWEDISH) == UPPSALA
    assert locations._open.cache_info().misses == 2


def test_a_replaced_reader_works_until_its_last_user_is_done(
    settings: Settings, tmp_path: Path
) -> None:
    path = settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    reader = locations._reader()
    write_uppsala(path)
    assert locate(SWEDISH) == UPPSALA
    assert reader is not None
    assert reader.city(ip_address(SWEDISH))["city"] == "Linköping"


def test_another_database_in_the_settings_is_used_at_once(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb")
    assert locate(SWEDISH) == LINKÖPING
    settings.GEOIP_PATH = tmp_path / "missing.mmdb"
    assert locate(SWEDISH) == NOWHERE
    assert len(caplog.records) == 1
    settings.GEOIP_PATH = tmp_path / "d.mmdb"
    write_uppsala(tmp_path / "d.mmdb")
    assert locate(SWEDISH) == UPPSALA


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
    for _ in range(10):
        write(path)
        write_uppsala(path)
    done.set()
    for thread in threads:
        thread.join()
    assert found
    assert set(found) <= {LINKÖPING, UPPSALA}
    assert locate(SWEDISH) == UPPSALA
    assert not caplog.records


# Labels


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
def test_the_label_of_a_place(city: str, country: str, label: str | None) -> None:
    assert place_label(city, country) == label


def test_a_label_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    arabic = {"%(city)s, %(country)s": "%(city)s، %(country)s"}
    monkeypatch.setattr(locations, "gettext", arabic.__getitem__)
    assert place_label("Linköping", "Sweden") == "Linköping، Sweden"
