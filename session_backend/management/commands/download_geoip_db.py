"""Downloads GeoIP databases."""

from __future__ import annotations

import gzip
import os
import re
import tarfile
import zlib
from argparse import ArgumentParser
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, NamedTuple, cast
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from django.conf import settings
from django.contrib.gis.geoip2 import GeoIP2
from django.core.management.base import BaseCommand, CommandError

MAXMIND = "https://download.maxmind.com"
CITY = "GeoLite2-City"
COUNTRY = "GeoLite2-Country"
MAX_SIZE = 2 << 30  # bytes; GeoLite2 City has about 60 million
TIMEOUT = 30  # seconds without data
ADVICE = {
    401: "Compare the account id and the license key with "
    "https://www.maxmind.com/en/accounts/current/license-key; a new key takes some minutes.",
    403: "The account may lack this edition, or has not accepted its license.",
    404: "If a mirror that you trust publishes no checksum, add --no-checksum.",
    429: "The account has reached its daily limit. Try again tomorrow.",
}


class Source(NamedTuple):
    """Where a database and its checksum are, and the ``user:password`` for both."""

    url: str
    checksum_url: str
    credentials: str


class Command(BaseCommand):
    """Replaces a database in one step, after checking its checksum and that Django can open it."""

    help = (
        "Downloads MaxMind's GeoLite2 City and Country databases into GEOIP_PATH. Needs a free "
        "account (https://www.maxmind.com/en/geolite2/signup), with its id and license key in "
        "the environment variables MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY. Run it once or "
        "twice a week, and enrichsessions after the first time."
    )
    # A failing check must not prevent the download that fixes it.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--edition",
            action="append",
            choices=(CITY, COUNTRY),
            help="download only this edition; may be repeated",
        )
        parser.add_argument(
            "--url",
            action="append",
            help="download this .mmdb, .mmdb.gz or .tar.gz file instead, without an account; its "
            "SHA-256 is expected beside it, with .sha256 added to the name; may be repeated",
        )
        parser.add_argument(
            "--no-checksum", action="store_true", help="with --url: do not compare the checksum"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        setting = getattr(settings, "GEOIP_PATH", None)
        if not setting:
            raise CommandError(
                'Set GEOIP_PATH to a directory for the databases: GEOIP_PATH = BASE_DIR / "geoip".'
            )
        path = Path(setting)
        is_file = path.is_file() or path.suffix == ".mmdb"
        for source in sources(path.name if is_file else "", **options):
            expected = None if options["no_checksum"] else published_checksum(source)
            try:
                saved = download(source, expected, path, is_file)
            except OSError as error:
                raise CommandError(
                    f"{error.filename or path} cannot be written: {error.strerror}. Free some "
                    "space, change its permissions, or set GEOIP_PATH to another directory."
                ) from error
            if options["verbosity"] > 0:
                self.stdout.write(f"Saved {without_query(source.url)} as {saved}.")


def sources(file_name: str, **options: Any) -> list[Source]:
    """Return what to download: one source if ``GEOIP_PATH`` is a file, which has that name."""
    if options["url"]:
        if file_name and len(options["url"]) > 1:
            raise CommandError("GEOIP_PATH is a file, so only one --url can be given.")
        return [mirror(url) for url in options["url"]]
    if options["no_checksum"]:
        raise CommandError("--no-checksum needs --url.")
    account, key = map(os.environ.get, ("MAXMIND_ACCOUNT_ID", "MAXMIND_LICENSE_KEY"))
    if not account or not key:
        raise CommandError(
            "Set MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY in the environment. Get them at "
            "https://www.maxmind.com/en/geolite2/signup, or name a mirror with --url."
        )
    editions = options["edition"] or [CITY, COUNTRY]
    if file_name and len(editions) > 1:
        editions = [COUNTRY if "country" in file_name.lower() else CITY]
    urls = [f"{MAXMIND}/geoip/databases/{name}/download?suffix=tar.gz" for name in editions]
    return [Source(url, f"{url}.sha256", f"{account}:{key}") for url in urls]


def mirror(url: str) -> Source:
    """Read a ``--url``; ``user:password@`` in it becomes the credentials."""
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        is_http = None
    if not is_http:
        raise CommandError("--url has to begin with https:// or http:// and name a server.")
    credentials, _, server = parts.netloc.rpartition("@")
    parts = parts._replace(netloc=server)
    checksum = parts._replace(path=f"{parts.path}.sha256")
    return Source(parts.geturl(), checksum.geturl(), unquote(credentials))


def published_checksum(source: Source) -> str:
    """Return the SHA-256 that the server publishes, in hexadecimal."""
    text = next(fetch(source.checksum_url, source.credentials), b"").decode("ascii", "replace")
    found = re.match(r"\s*([0-9a-fA-F]{64})\b", text)
    if found is None:
        raise CommandError(f"{without_query(source.checksum_url)} is not a SHA-256 checksum.")
    return found[1].lower()


def download(source: Source, checksum: str | None, path: Path, is_file: bool) -> Path:
    """Put a database in place and return where."""
    directory = path.parent if is_file else path
    directory.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=directory) as packed:
        digest = sha256()
        for chunk in fetch(source.url, source.credentials):
            digest.update(chunk)
            packed.write(chunk)
        if checksum not in (None, digest.hexdigest()):
            raise CommandError(
                f"{without_query(source.url)} does not match its checksum. Try again."
            )
        packed.seek(0)
        # In the same directory: os.replace is atomic only within a file system.
        with TemporaryDirectory(dir=directory, prefix=".geoip-") as temporary:
            database = Path(temporary, "new.mmdb")
            with database.open("wb") as file:
                file.writelines(unpack(packed))
                file.flush()
                os.fsync(file.fileno())
            name = django_name(database)
            destination = path if is_file else path / name
            os.replace(database, destination)
    return destination


def fetch(url: str, credentials: str) -> Iterator[bytes]:
    """Yield the content of a URL. Errors contain neither its query nor the credentials."""
    request = Request(url, headers={"User-Agent": "django-session-ui"})
    if credentials:
        token = b64encode(credentials.encode()).decode()
        # MaxMind redirects to a file server, which must not get the key.
        request.add_unredirected_header("Authorization", f"Basic {token}")
    try:
        with urlopen(request, timeout=TIMEOUT) as response:
            yield from chunks(response)
    except HTTPError as error:
        error.close()
        advice = ADVICE.get(error.code, "Try again later, or name a mirror with --url.")
        raise CommandError(f"{without_query(url)} answered {error.code}. {advice}") from None
    except (OSError, HTTPException, ValueError) as error:
        cause = getattr(error, "reason", error)
        problem = getattr(cause, "strerror", None) or type(error).__name__
        raise CommandError(
            f"{without_query(url)} cannot be downloaded ({problem}). Check the network and the "
            "variable https_proxy, or name a mirror with --url."
        ) from None


def unpack(packed: IO[bytes]) -> Iterator[bytes]:
    """Yield the database in a ``.tar.gz``, ``.gz`` or plain file, under any name."""
    is_gzip = packed.read(2) == b"\x1f\x8b"
    packed.seek(0)
    stream = cast(IO[bytes], gzip.GzipFile(fileobj=packed)) if is_gzip else packed
    try:
        try:
            archive = tarfile.TarFile(fileobj=stream)
        except tarfile.ReadError:
            stream.seek(0)
        else:
            members = [file for file in archive if file.isreg() and file.name.endswith(".mmdb")]
            if len(members) != 1:
                raise CommandError(f"The archive has {len(members)} .mmdb files instead of one.")
            stream = cast(IO[bytes], archive.extractfile(members[0]))
        yield from chunks(stream)
    except (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error) as error:
        raise CommandError(f"The download is damaged: {error}.") from error


def django_name(database: Path) -> str:
    """Return the name under which Django looks for a database of this kind."""
    try:
        reader = GeoIP2(database)
    except Exception as error:
        raise CommandError(f"Django cannot open the downloaded database: {error}") from error
    setting, default = ("GEOIP_CITY", CITY) if reader.is_city else ("GEOIP_COUNTRY", COUNTRY)
    return getattr(settings, setting, None) or f"{default}.mmdb"


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the content of a stream; CommandError if it has more than ``MAX_SIZE`` bytes."""
    size = 0
    while chunk := stream.read(1 << 16):
        size += len(chunk)
        if size > MAX_SIZE:
            raise CommandError(f"The download is larger than {MAX_SIZE} bytes.")
        yield chunk


def without_query(url: str) -> str:
    """Return a URL as it may be printed: its query may contain a token."""
    return urlsplit(url)._replace(query="", fragment="").geturl()
