from __future__ import annotations

import errno
import gzip
import io
import os
import socket
import tarfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError

from session_backend import locations
from session_backend.locations import locate
from session_backend.management import archives, downloads
from session_backend.management.commands import download_geoip_db
from session_backend.management.downloads import Address
from tests.session_backend.commands.mirror import Answer, Mirror, serving
from tests.session_backend.test_locations import SWEDISH, record, write

if TYPE_CHECKING:
    from pytest_django import Settings

Run = Callable[..., str]

SECRET = "lIcEnCe_kEy-0f-nObOdY"
CITY = "/geoip/databases/GeoLite2-City/download?suffix=tar.gz"
COUNTRY = "/geoip/databases/GeoLite2-Country/download?suffix=tar.gz"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as mirror:
        monkeypatch.setattr(download_geoip_db, "MAXMIND", mirror.url)
        yield mirror


@pytest.fixture
def folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the databases, which is not there yet."""
    monkeypatch.setattr(locations, "_database", locations._Database())
    folder = tmp_path / "var" / "geoip"
    settings.GEOIP_PATH = folder
    return folder


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAXMIND_ACCOUNT_ID", "42")
    monkeypatch.setenv("MAXMIND_LICENSE_KEY", SECRET)


@pytest.fixture(autouse=True)
def _no_secret_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("city") / "any.mmdb").read_bytes()


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("country") / "any.mmdb"
    return write(path, kind="GeoLite2-Country").read_bytes()


def archive(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a .tar.gz as MaxMind makes them, with these files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, body in (("GeoLite2-City_20260101/LICENSE.txt", b"text"), *members):
            info = tarfile.TarInfo(name)
            if name.endswith(".mmdb"):
                info.type = kind
                info.linkname = "/etc/passwd" if kind != tarfile.REGTYPE else ""
            info.size = len(body) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(body))
    return packed.getvalue()


def files_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


# MaxMind


def test_both_databases_come_from_maxmind(
    mirror: Mirror, folder: Path, account: None, run: Run, city: bytes, country: bytes
) -> None:
    mirror.put(CITY, archive(("GeoLite2-City_20260101/GeoLite2-City.mmdb", city)))
    mirror.put(COUNTRY, archive(("GeoLite2-Country_20260101/GeoLite2-Country.mmdb", country)))
    printed = run("download_geoip_db")
    assert files_in(folder) == ["GeoLite2-City.mmdb", "GeoLite2-Country.mmdb"]
    assert (folder / "GeoLite2-City.mmdb").read_bytes() == city
    assert locate(SWEDISH).city == "Linköping"
    assert "GeoLite2-City.mmdb is the database at http" in printed
    assert SECRET not in printed
    for path, authorization in mirror.asked:
        assert SECRET not in path
        assert authorization is not None
        assert b64decode(authorization.split()[1]).decode() == f"42:{SECRET}"


def test_one_edition_can_be_asked_for(
    mirror: Mirror, folder: Path, run: Run, country: bytes
) -> None:
    mirror.put(COUNTRY, archive(("a/GeoLite2-Country.mmdb", country)))
    options = {"account_id": "42", "license_key": SECRET, "edition": ["GeoLite2-Country"]}
    assert run("download_geoip_db", verbosity=0, **options) == ""
    assert files_in(folder) == ["GeoLite2-Country.mmdb"]


def test_the_key_is_not_shown_to_the_server_it_is_sent_on_to(
    mirror: Mirror, folder: Path, account: None, run: Run, city: bytes
) -> None:
    body = archive(("a/GeoLite2-City.mmdb", city))
    mirror.put(CITY, body)
    with serving() as store:
        url = store.put("/presigned", body)
        mirror.answers[CITY] = Answer(status=302, location=url)
        run("download_geoip_db", edition=["GeoLite2-City"])
        assert store.asked == [("/presigned", None)]
    assert files_in(folder) == ["GeoLite2-City.mmdb"]


@pytest.mark.parametrize("missing", ["MAXMIND_ACCOUNT_ID", "MAXMIND_LICENSE_KEY"])
def test_without_an_account_it_says_where_to_get_one(
    missing: str, folder: Path, account: None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(CommandError, match="geolite2/signup, or name a mirror with --url"):
        run("download_geoip_db")


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "refuses the account id or the licence key"),
        (403, "may lack this edition"),
        (404, "no checksum"),
        (429, "Try again tomorrow"),
        (500, "Try again later"),
    ],
)
def test_a_refusal_says_what_to_do(
    status: int, advice: str, mirror: Mirror, folder: Path, account: None, run: Run
) -> None:
    mirror.answers[f"{CITY}.sha256"] = Answer(status=status)
    with pytest.raises(CommandError, match=advice) as raised:
        run("download_geoip_db")
    assert SECRET not in str(raised.value)
    assert files_in(folder) == []


@pytest.mark.parametrize(("status", "advice"), [(401, "refuses"), (404, "no such file")])
def test_a_refusal_of_the_database_itself_does_too(
    status: int, advice: str, mirror: Mirror, folder: Path, account: None, run: Run
) -> None:
    mirror.put(CITY, b"")
    mirror.answers[CITY] = Answer(status=status)
    with pytest.raises(CommandError, match=advice):
        run("download_geoip_db")


# The network


def test_no_network_is_said_with_a_way_forward(
    folder: Path, account: None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/city.mmdb"
        for options in ({}, {"no_checksum": True}):
            with pytest.raises(CommandError, match=r"\(Connection refused\). Check the network"):
                run("download_geoip_db", url=[url], **options)


def test_an_answer_that_is_no_http_is_unreachable_too(
    mirror: Mirror, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr(downloads, "urlopen", broken)
    with pytest.raises(CommandError, match=r"cannot be reached \(TimeoutError\)"):
        run("download_geoip_db", url=[mirror.url])


@pytest.mark.parametrize("url", ["ftp://a/b", "file:///etc/passwd", "city.mmdb", "http://[::1"])
def test_a_url_that_is_not_http_is_refused(url: str, folder: Path, run: Run) -> None:
    with pytest.raises(CommandError, match="has to begin with https://"):
        run("download_geoip_db", url=[url])


# A mirror


@pytest.mark.parametrize("how", ["plain", "gz", "tar.gz", "tar"])
def test_a_mirror_may_pack_it_in_any_way(
    how: str, mirror: Mirror, folder: Path, run: Run, city: bytes
) -> None:
    packed = archive(("city.mmdb", city))
    forms = {"plain": city, "gz": gzip.compress(city), "tar.gz": packed}
    body = forms.get(how) or gzip.decompress(packed)
    assert str(folder) in run("download_geoip_db", url=[mirror.put("/db", body)])
    assert (folder / "GeoLite2-City.mmdb").read_bytes() == city
    assert locate(SWEDISH).city == "Linköping"


def test_the_file_itself_says_which_database_it_is(
    mirror: Mirror, folder: Path, run: Run, city: bytes, country: bytes, settings: Settings
) -> None:
    settings.GEOIP_COUNTRY = "countries.mmdb"
    urls = [mirror.put("/1", country), mirror.put("/2", city)]
    run("download_geoip_db", url=urls)
    assert files_in(folder) == ["GeoLite2-City.mmdb", "countries.mmdb"]


def test_no_account_is_shown_to_a_mirror(
    mirror: Mirror, folder: Path, account: None, run: Run, city: bytes
) -> None:
    run("download_geoip_db", url=[mirror.put("/db", city)])
    assert {authorization for _, authorization in mirror.asked} == {None}


def test_a_mirror_may_want_credentials_which_are_not_printed(
    mirror: Mirror, folder: Path, run: Run, city: bytes
) -> None:
    mirror.put("/db?token=" + SECRET, city)
    mirror.answers["/db.sha256?token=" + SECRET] = mirror.answers.pop(f"/db?token={SECRET}.sha256")
    url = mirror.url.replace("//", f"//me:{SECRET}@") + "/db?token=" + SECRET
    assert SECRET not in run("download_geoip_db", url=[url])
    assert b64decode((mirror.asked[0][1] or "").split()[1]).decode() == f"me:{SECRET}"
    assert SECRET not in repr(Address.of(url))
    mirror.answers.clear()
    with pytest.raises(CommandError, match="no checksum") as raised:
        run("download_geoip_db", url=[url])
    assert SECRET not in str(raised.value)


# Whether it is what it should be


def old_database(folder: Path) -> bytes:
    folder.mkdir(parents=True)
    content = {f"{SWEDISH}/32": record("Uppsala")}
    return write(folder / "GeoLite2-City.mmdb", of=content).read_bytes()


def test_a_wrong_checksum_replaces_nothing(
    mirror: Mirror, folder: Path, run: Run, city: bytes
) -> None:
    old = old_database(folder)
    url = mirror.put("/db", city, checksum=b"0" * 64)
    with pytest.raises(CommandError, match="is not what its checksum promises"):
        run("download_geoip_db", url=[url])
    assert files_in(folder) == ["GeoLite2-City.mmdb"]
    assert (folder / "GeoLite2-City.mmdb").read_bytes() == old


def test_a_checksum_that_is_none_is_an_error(
    mirror: Mirror, folder: Path, run: Run, city: bytes
) -> None:
    with pytest.raises(CommandError, match="is no SHA-256 checksum"):
        run("download_geoip_db", url=[mirror.put("/db", city, checksum=b"<html>")])


def test_a_mirror_without_checksums_has_to_be_trusted_in_words(
    mirror: Mirror, folder: Path, run: Run, city: bytes
) -> None:
    url = mirror.put("/db", city)
    del mirror.answers["/db.sha256"]
    with pytest.raises(CommandError, match="say --no-checksum"):
        run("download_geoip_db", url=[url])
    run("download_geoip_db", "--no-checksum", url=[url])
    assert files_in(folder) == ["GeoLite2-City.mmdb"]


def test_maxmind_is_never_trusted_without_one(folder: Path, account: None, run: Run) -> None:
    with pytest.raises(CommandError, match="is for a mirror"):
        run("download_geoip_db", "--no-checksum")


@pytest.mark.parametrize("kind", ["text", "GeoLite2-ASN", "cut"])
def test_what_django_cannot_open_replaces_nothing(
    kind: str, mirror: Mirror, folder: Path, run: Run, city: bytes, tmp_path: Path
) -> None:
    old = old_database(folder)
    asn = write(tmp_path / "asn.mmdb", kind="GeoLite2-ASN").read_bytes()
    body = {"text": b"<html>", "GeoLite2-ASN": asn, "cut": city[:-50]}[kind]
    with pytest.raises(CommandError, match="no database that Django can use"):
        run("download_geoip_db", url=[mirror.put("/db", body)])
    assert files_in(folder) == ["GeoLite2-City.mmdb"]
    assert (folder / "GeoLite2-City.mmdb").read_bytes() == old


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (archive(("../../evil.mmdb", b"x")), r"'../../evil.mmdb', which is no plain file"),
        (archive(("/evil.mmdb", b"x")), r"'/evil.mmdb', which is no plain file"),
        (archive(("a.mmdb", b""), kind=tarfile.SYMTYPE), "which is no plain file"),
        (archive(("a.mmdb", b""), kind=tarfile.LNKTYPE), "which is no plain file"),
        (archive(("a.mmdb", b""), kind=tarfile.DIRTYPE), "which is no plain file"),
        (archive(), "holds 0 .mmdb files"),
        (archive(("a.mmdb", b"x"), ("b.mmdb", b"x")), "holds 2 .mmdb files"),
        (archive(("a.mmdb", b"x" * 5000))[:-60], "is damaged"),
        (b"\x1f\x8bno gzip", "is damaged"),
    ],
)
def test_a_hostile_or_broken_archive_is_refused(
    body: bytes, problem: str, mirror: Mirror, folder: Path, run: Run
) -> None:
    with pytest.raises(CommandError, match=problem):
        run("download_geoip_db", url=[mirror.put("/db", body)])
    assert files_in(folder) == []
    assert files_in(folder.parent) == ["geoip"]


def test_a_bomb_does_not_fill_the_disk(
    mirror: Mirror, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LARGEST_DATABASE", 1 << 20)
    bomb = archive(("a.mmdb", bytes(2 << 20)))
    assert len(bomb) < 10_000
    with pytest.raises(CommandError, match="unpacks to more than 1048576 bytes"):
        run("download_geoip_db", url=[mirror.put("/db", bomb)])


def test_an_endless_download_is_cut_off(
    mirror: Mirror, folder: Path, run: Run, city: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "LARGEST_FILE", len(city) - 1)
    with pytest.raises(CommandError, match="is larger than"):
        run("download_geoip_db", url=[mirror.put("/db", city)])


# Where it goes


def test_without_a_path_it_says_which_setting_to_set(run: Run, settings: Settings) -> None:
    settings.GEOIP_PATH = None
    with pytest.raises(CommandError, match='GEOIP_PATH = BASE_DIR / "geoip"'):
        run("download_geoip_db")


@pytest.mark.parametrize(
    ("name", "edition"), [("places.mmdb", CITY), ("GeoLite2-Country.mmdb", COUNTRY)]
)
def test_a_path_may_be_a_file(
    name: str,
    edition: str,
    mirror: Mirror,
    folder: Path,
    account: None,
    run: Run,
    city: bytes,
    settings: Settings,
) -> None:
    settings.GEOIP_PATH = folder / name
    mirror.put(edition, archive(("a/b.mmdb", city)))
    run("download_geoip_db")
    assert files_in(folder) == [name]
    assert locate(SWEDISH).city == "Linköping"
    with pytest.raises(CommandError, match="it takes one database"):
        run("download_geoip_db", url=["http://a/1", "http://a/2"])


def test_the_file_can_be_read_by_whom_the_umask_lets(
    mirror: Mirror, folder: Path, run: Run, city: bytes
) -> None:
    before = os.umask(0o022)
    try:
        run("download_geoip_db", url=[mirror.put("/db", city)])
    finally:
        os.umask(before)
    assert (folder / "GeoLite2-City.mmdb").stat().st_mode & 0o777 == 0o644


def test_a_disk_that_is_full_is_said_with_a_way_forward(
    mirror: Mirror, folder: Path, run: Run, city: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = old_database(folder)
    url = mirror.put("/db", city)

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(download_geoip_db, "unpack", full)
        with pytest.raises(CommandError, match="No space left on device"):
            run("download_geoip_db", url=[url])
    with (
        open("/dev/full", "wb", buffering=0) as disk,
        pytest.raises(CommandError, match="No space left on device"),
    ):
        downloads.download(Address.of(url), disk)
    assert files_in(folder) == ["GeoLite2-City.mmdb"]
    assert (folder / "GeoLite2-City.mmdb").read_bytes() == old


def test_a_folder_that_cannot_be_made_is_said(
    mirror: Mirror, folder: Path, run: Run, city: bytes, tmp_path: Path
) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(CommandError, match="cannot be written: Not a directory"):
        run("download_geoip_db", url=[mirror.put("/db", city)])


def test_what_a_killed_run_left_behind_goes_a_day_later(
    mirror: Mirror, folder: Path, run: Run, city: bytes
) -> None:
    old, recent = (folder / f".geoip-download-{name}" for name in ("old", "recent"))
    for left in (old, recent):
        left.mkdir(parents=True)
        (left / "download").write_bytes(b"half of it")
    os.utime(old, (time.time() - 90_000,) * 2)
    run("download_geoip_db", url=[mirror.put("/db", city)])
    assert files_in(folder) == [recent.name, "GeoLite2-City.mmdb"]


def test_a_running_site_takes_the_new_one_up(
    mirror: Mirror, folder: Path, run: Run, city: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locations, "RECHECK_SECONDS", 0)
    old_database(folder)
    assert locate(SWEDISH).city == "Uppsala"
    run("download_geoip_db", url=[mirror.put("/db", city)])
    assert locate(SWEDISH).city == "Linköping"
