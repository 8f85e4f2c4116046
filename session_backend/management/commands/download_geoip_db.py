"""Fetches the databases that places are looked up in."""

from __future__ import annotations

import os
import shutil
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.contrib.gis.geoip2 import GeoIP2
from django.core.management.base import BaseCommand, CommandError

from session_backend.management.archives import unpack
from session_backend.management.downloads import Address, download, published_checksum

MAXMIND = "https://download.maxmind.com"
CITY = "GeoLite2-City"
COUNTRY = "GeoLite2-Country"
WORKSHOP = ".geoip-download-"
DAY = 24 * 60 * 60


class Command(BaseCommand):
    """A running site sees the old database or the new one, never a part of either."""

    help = (
        "Downloads the GeoLite2 City and Country databases of MaxMind into GEOIP_PATH. It needs "
        "a MaxMind account, which is free: https://www.maxmind.com/en/geolite2/signup. Give the "
        "account id and the licence key in the environment, as MAXMIND_ACCOUNT_ID and "
        "MAXMIND_LICENSE_KEY: other users of the machine can read the options of a command. "
        "Run it once or twice a week, and enrichsessions after the first time. What is in place "
        "is replaced only by a database whose checksum is right and which opens."
    )
    # What the checks complain of may be what this is run to mend.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        # No defaults: argparse would print them in --help.
        parser.add_argument(
            "--account-id", metavar="ID", help="instead of MAXMIND_ACCOUNT_ID in the environment"
        )
        parser.add_argument("--license-key", metavar="KEY", help="instead of MAXMIND_LICENSE_KEY")
        parser.add_argument(
            "--edition",
            action="append",
            choices=(CITY, COUNTRY),
            help="fetch only this one; may be repeated",
        )
        parser.add_argument(
            "--url",
            action="append",
            metavar="URL",
            help="fetch a database from here instead, with no MaxMind account: an .mmdb file, "
            "plain, as .mmdb.gz or in a .tar.gz, with its checksum beside it under the same "
            "name and .sha256; may be repeated. Which database it is, the file itself says",
        )
        parser.add_argument(
            "--no-checksum",
            action="store_true",
            help="with --url: trust a server that publishes no checksum",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = getattr(settings, "GEOIP_PATH", None)
        if not path:
            raise CommandError(
                "GEOIP_PATH is not set. Name a folder for the databases in the settings, one "
                'that the site can read: GEOIP_PATH = BASE_DIR / "geoip".'
            )
        target = Path(path)
        is_file = target.is_file() or target.suffix == ".mmdb"
        for address in self.addresses(options, target.name if is_file else ""):
            try:
                self.fetch(address, target, is_file, options)
            except OSError as error:
                raise CommandError(
                    f"{error.filename or target} cannot be written: {error.strerror}. Free some "
                    "space, mend its permissions, or set GEOIP_PATH to another folder."
                ) from error

    def addresses(self, options: dict[str, Any], file_name: str) -> list[Address]:
        if options["url"]:
            if file_name and len(options["url"]) > 1:
                raise CommandError("GEOIP_PATH is a file, so it takes one database: one --url.")
            return [Address.of(url) for url in options["url"]]
        if options["no_checksum"]:
            raise CommandError("--no-checksum is for a mirror, named with --url.")
        account = options["account_id"] or os.environ.get("MAXMIND_ACCOUNT_ID")
        key = options["license_key"] or os.environ.get("MAXMIND_LICENSE_KEY")
        if not account or not key:
            raise CommandError(
                "MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY are needed in the environment. Get "
                "them at https://www.maxmind.com/en/geolite2/signup, or name a mirror with --url."
            )
        editions = options["edition"] or [CITY, COUNTRY]
        if file_name and len(editions) > 1:
            # A path that is a file takes one: that which it is called after, or the richer.
            editions = [COUNTRY if "country" in file_name.lower() else CITY]
        path = "/geoip/databases/{}/download?suffix=tar.gz"
        return [Address.of(MAXMIND + path.format(name), f"{account}:{key}") for name in editions]

    def fetch(self, address: Address, target: Path, is_file: bool, options: dict[str, Any]) -> None:
        verbosity = options["verbosity"]
        with workshop(target.parent if is_file else target) as folder:
            packed = folder / "download"
            expected = None if options["no_checksum"] else published_checksum(address)
            with packed.open("wb") as file:
                found = download(address, file, verbosity)
            if expected not in (None, found):
                raise CommandError(
                    f"{address} is not what its checksum promises: it has changed on the way. "
                    "Nothing was replaced; try again."
                )
            database = folder / "database"
            with database.open("wb") as file:
                unpack(packed, file)
                file.flush()
                os.fsync(file.fileno())
            name = file_name_of(database)
            destination = target if is_file else target / name
            os.replace(database, destination)
        if verbosity > 0:
            self.stdout.write(f"{destination} is the database at {address} now.")


def file_name_of(database: Path) -> str:
    """Return the name under which the site looks for a database; CommandError if it is none."""
    try:
        reader = GeoIP2(database)
    except Exception as error:
        raise CommandError(
            f"The download is no database that Django can use ({error}). Nothing was replaced."
        ) from error
    setting, default = ("GEOIP_CITY", CITY) if reader.is_city else ("GEOIP_COUNTRY", COUNTRY)
    return getattr(settings, setting, None) or f"{default}.mmdb"


@contextmanager
def workshop(folder: Path) -> Iterator[Path]:
    """Make a folder beside the databases, from which a file moves in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{WORKSHOP}*"):
        # What a run that was killed could not clear away.
        if left.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(dir=folder, prefix=WORKSHOP) as path:
        yield Path(path)
