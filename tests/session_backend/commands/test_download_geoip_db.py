from __future__ import annotations

import errno
import gzip
import io
import os
import tarfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError

from session_backend.locations import locate
from session_backend.management.commands import download_geoip_db
from tests.session_backend.commands.mirror import Answer, Mirror, serving
from tests.session_backend.test_locations import SWEDISH, write, write_uppsala

if TYPE_CHECKING:
    from pytest_django import Settings

Run = Callable[..., str]


def database(kind: str) -> bytes:
    with TemporaryDirectory() as folder:
        return write(Path(folder, "any.mmdb"), kind=kind).read_bytes()


def archive(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a .tar.gz like those of MaxMind, with these files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, body in (("GeoLite2-City_20260101/LICENSE.txt", b"text"), *members):
            info = tarfile.TarInfo(name)
            if name.endswith(".mmdb"):
                info.type, info.linkname = kind, "/etc/passwd"
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return packed.getvalue()


CITY = database("GeoLite2-City")
COUNTRY = database("GeoLite2-Country")
CITY_ARCHIVE = archive(("GeoLite2-City_20260101/GeoLite2-City.mmdb", CITY))
COUNTRY_ARCHIVE = archive(("GeoLite2-Country_20260101/GeoLite2-Country.mmdb", COUNTRY))
CITY_PATH = "/geoip/databases/GeoLite2-City/download?suffix=tar.gz"
COUNTRY_PATH = "/geoip/databases/GeoLite2-Country/download?suffix=tar.gz"
SECRET = "lIcEnCe_kEy-0f-nObOdY"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror, and MaxMind."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as mirror:
        monkeypatch.setattr(download_geoip_db, "MAXMIND", mirror.url)
        yield mirror


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the databases, which does not exist yet; the site has an account."""
    monkeypatch.setenv("MAXMIND_ACCOUNT_ID", "42")
    monkeypatch.setenv("MAXMIND_LICENSE_KEY", SECRET)
    folder = settings.GEOIP_PATH = tmp_path / "var" / "geoip"
    return folder


@pytest.fixture
def download(run: Run, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    yield lambda *arguments: run("download_geoip_db", *arguments)
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err


def fails(download: Run, match: str, *arguments: str) -> None:
    with pytest.raises(CommandError, match=match) as raised:
        download(*arguments)
    assert SECRET not in str(raised.value)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def with_old_database(folder: Path) -> dict[str, bytes]:
    folder.mkdir(parents=True)
    write_uppsala(folder / "GeoLite2-City.mmdb")
    return files(folder)


def credentials(mirror: Mirror) -> set[str]:
    return {b64decode((header or "").split()[1]).decode() for _, header in mirror.requests}


# MaxMind


def test_both_databases_come_from_maxmind(mirror: Mirror, folder: Path, download: Run) -> None:
    mirror.put(CITY_PATH, CITY_ARCHIVE)
    mirror.put(COUNTRY_PATH, COUNTRY_ARCHIVE)
    printed = download()
    assert files(folder) == {"GeoLite2-City.mmdb": CITY, "GeoLite2-Country.mmdb": COUNTRY}
    assert f"as {folder / 'GeoLite2-City.mmdb'}" in printed
    assert SECRET not in printed
    assert credentials(mirror) == {f"42:{SECRET}"}
    assert not [path for path, _ in mirror.requests if SECRET in path]


def test_one_edition_can_be_chosen(mirror: Mirror, folder: Path, download: Run) -> None:
    mirror.put(COUNTRY_PATH, COUNTRY_ARCHIVE)
    assert download("--edition=GeoLite2-Country", "--verbosity=0") == ""
    assert files(folder) == {"GeoLite2-Country.mmdb": COUNTRY}


def test_the_key_is_not_sent_on_a_redirect(mirror: Mirror, folder: Path, download: Run) -> None:
    mirror.put(CITY_PATH, CITY_ARCHIVE)
    with serving() as store:
        mirror.answers[CITY_PATH] = Answer(status=302, location=store.put("/file", CITY_ARCHIVE))
        download("--edition=GeoLite2-City")
        assert store.requests == [("/file", None)]
    assert files(folder) == {"GeoLite2-City.mmdb": CITY}


@pytest.mark.parametrize("missing", ["MAXMIND_ACCOUNT_ID", "MAXMIND_LICENSE_KEY"])
def test_without_an_account_it_says_where_to_get_one(
    missing: str, download: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(missing)
    fails(download, "geolite2/signup, or name a mirror with --url")


@pytest.mark.parametrize("path", [f"{CITY_PATH}.sha256", CITY_PATH])
@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "Compare the account id and the license key"),
        (403, "may lack this edition"),
        (404, "publishes no checksum"),
        (429, "Try again tomorrow"),
        (500, "Try again later"),
    ],
)
def test_an_http_error_says_what_to_do(
    path: str, status: int, advice: str, mirror: Mirror, folder: Path, download: Run
) -> None:
    mirror.put(CITY_PATH, b"")
    mirror.answers[path] = Answer(status=status)
    fails(download, rf"answered {status}\. .*{advice}")
    assert files(folder) == {}


# Mirrors


@pytest.mark.parametrize("body", [CITY, gzip.compress(CITY), CITY_ARCHIVE])
def test_a_mirror_may_serve_a_plain_or_packed_file(
    body: bytes, mirror: Mirror, folder: Path, download: Run
) -> None:
    download(f"--url={mirror.put('/db', body)}")
    assert files(folder) == {"GeoLite2-City.mmdb": CITY}
    # It does not get the MaxMind account.
    assert mirror.requests == [("/db.sha256", None), ("/db", None)]


def test_the_content_tells_which_database_it_is(
    mirror: Mirror, folder: Path, download: Run, settings: Settings
) -> None:
    settings.GEOIP_COUNTRY = "countries.mmdb"
    download(f"--url={mirror.put('/1', COUNTRY)}", f"--url={mirror.put('/2', CITY)}")
    assert files(folder) == {"countries.mmdb": COUNTRY, "GeoLite2-City.mmdb": CITY}


def test_credentials_of_a_mirror_are_sent_and_not_printed(mirror: Mirror, download: Run) -> None:
    mirror.put("/db", CITY)
    mirror.answers = {f"{path}?token={SECRET}": mirror.answers[path] for path in mirror.answers}
    url = mirror.url.replace("//", f"//me:{SECRET}@") + "/db?token=" + SECRET
    assert SECRET not in download(f"--url={url}")
    assert credentials(mirror) == {f"me:{SECRET}"}
    mirror.answers.clear()
    fails(download, "/db.sha256 answered 404", f"--url={url}")


@pytest.mark.parametrize("url", ["ftp://a/b", "file:///etc/passwd", "city.mmdb", "http://[::1"])
def test_a_url_has_to_be_http(url: str, download: Run) -> None:
    fails(download, "has to begin with https://", f"--url={url}")


@pytest.mark.parametrize("options", [[], ["--no-checksum"]])
def test_an_unreachable_server_is_an_error(options: list[str], download: Run) -> None:
    with serving() as closed:
        pass
    problem = r"cannot be downloaded \(Connection refused\)\. Check the network"
    fails(download, problem, f"--url={closed.url}/db", *options)
    problem = r"cannot be downloaded \(InvalidURL\)"
    fails(download, problem, f"--url={closed.url}/d b?{SECRET}", *options)


# Checks of the download


@pytest.mark.parametrize(
    ("checksum", "problem"),
    [(b"0" * 64, "does not match its checksum"), (b"<html>", "is not a SHA-256 checksum")],
)
def test_a_wrong_checksum_replaces_nothing(
    checksum: bytes, problem: str, mirror: Mirror, folder: Path, download: Run
) -> None:
    old = with_old_database(folder)
    fails(download, problem, f"--url={mirror.put('/db', CITY, checksum=checksum)}")
    assert files(folder) == old


def test_a_mirror_without_checksums_has_to_be_trusted_explicitly(
    mirror: Mirror, folder: Path, download: Run
) -> None:
    url = mirror.put("/db", CITY)
    del mirror.answers["/db.sha256"]
    fails(download, "add --no-checksum", f"--url={url}")
    download(f"--url={url}", "--no-checksum")
    assert files(folder) == {"GeoLite2-City.mmdb": CITY}
    fails(download, "--no-checksum needs --url", "--no-checksum")


@pytest.mark.parametrize("name", ["", "GeoLite2-City.mmdb"])
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>", "Django cannot open"),
        (CITY[:-50], "Django cannot open"),
        (database("GeoLite2-ASN"), "Django cannot open"),
        (bytes(2 << 20), "is larger than 1048576 bytes"),
        (archive(("a.mmdb", bytes(2 << 20))), "is larger than 1048576 bytes"),
        (archive(("../../evil.mmdb", b"x")), "Django cannot open"),
        (archive(("/evil.mmdb", b"x")), "Django cannot open"),
        (archive(("a.mmdb", b""), kind=tarfile.SYMTYPE), "has 0 .mmdb files"),
        (archive(("a.mmdb", b""), kind=tarfile.LNKTYPE), "has 0 .mmdb files"),
        (archive(("a.mmdb", b""), kind=tarfile.DIRTYPE), "has 0 .mmdb files"),
        (archive(), "has 0 .mmdb files"),
        (archive(("a.mmdb", b"x"), ("b.mmdb", b"x")), "has 2 .mmdb files"),
        (archive(("a.mmdb", os.urandom(50_000)))[:30_000], "is damaged"),
        (gzip.compress(os.urandom(50_000))[:30_000], "is damaged"),
        (b"\x1f\x8bnot gzip", "is damaged"),
    ],
)
def test_a_bad_file_replaces_nothing(
    body: bytes,
    problem: str,
    name: str,
    mirror: Mirror,
    folder: Path,
    download: Run,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download_geoip_db, "MAX_SIZE", 1 << 20)
    settings.GEOIP_PATH = folder / name
    old = with_old_database(folder)
    fails(download, problem, f"--url={mirror.put('/db', body)}")
    assert os.listdir(folder.parent) == ["geoip"]
    assert files(folder) == old


# The destination


def test_without_geoip_path_it_says_what_to_set(download: Run, settings: Settings) -> None:
    settings.GEOIP_PATH = None
    fails(download, 'GEOIP_PATH = BASE_DIR / "geoip"')


@pytest.mark.parametrize(
    ("name", "path"), [("places.mmdb", CITY_PATH), ("GeoLite2-Country.mmdb", COUNTRY_PATH)]
)
def test_geoip_path_may_be_a_file(
    name: str, path: str, mirror: Mirror, folder: Path, download: Run, settings: Settings
) -> None:
    settings.GEOIP_PATH = folder / name
    mirror.put(path, CITY_ARCHIVE)
    download()
    assert files(folder) == {name: CITY}
    assert locate(SWEDISH).city == "Linköping"
    fails(download, "only one --url", "--url=http://a/1", "--url=http://a/2")


def test_a_running_site_uses_the_new_database(mirror: Mirror, folder: Path, download: Run) -> None:
    with_old_database(folder)
    assert locate(SWEDISH).city == "Uppsala"
    download(f"--url={mirror.put('/db', CITY)}")
    assert locate(SWEDISH).city == "Linköping"


def test_the_umask_decides_who_can_read_the_file(
    mirror: Mirror, folder: Path, download: Run
) -> None:
    before = os.umask(0o022)
    try:
        download(f"--url={mirror.put('/db', CITY)}")
    finally:
        os.umask(before)
    assert (folder / "GeoLite2-City.mmdb").stat().st_mode & 0o777 == 0o644


def test_a_full_disk_is_an_error_that_replaces_nothing(
    mirror: Mirror, folder: Path, download: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    old = with_old_database(folder)
    monkeypatch.setattr(os, "fsync", full)
    problem = r"cannot be written: No space left on device\. Free some space"
    fails(download, problem, f"--url={mirror.put('/db', CITY)}")
    assert files(folder) == old


def test_a_directory_that_cannot_be_created_is_an_error(
    mirror: Mirror, folder: Path, download: Run
) -> None:
    folder.parent.write_text("a file")
    problem = "cannot be written: Not a directory"
    fails(download, problem, f"--url={mirror.put('/db', CITY)}")
