"""Where an address is, from the GeoIP database that Django's own settings name.

``GEOIP_PATH``, ``GEOIP_CITY`` and ``GEOIP_COUNTRY`` are those of ``django.contrib.gis.geoip2``
(which needs neither GDAL nor ``django.contrib.gis`` installed). Without a ``GEOIP_PATH`` nothing
is looked up; with a wrong one or a broken file nothing is found, and one log line says so.

Put a new database in place by moving it over the old one, as ``geoipupdate`` does: the old one
stays in use until the new one opens. Never write into the old file: it is mapped into memory,
and a process that reads what was cut off is ended by the system.
"""

from __future__ import annotations

import logging
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext

from session_backend.client import clean_ip

if TYPE_CHECKING:
    from django.contrib.gis.geoip2 import GeoIP2

__all__ = [
    "NOWHERE",
    "Place",
    "database_problem",
    "locate",
    "location_info",
    "place_label",
    "warm_up",
]

RECHECK_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Place(NamedTuple):
    """A place in the English names of the database, ``""`` where it has none.

    2, 64 and 128 characters at most.
    """

    country_code: str
    country: str
    city: str


NOWHERE = Place("", "", "")


def locate(ip: str | None) -> Place:
    """Return where an address is; ``NOWHERE`` if that cannot be told. Never raises."""
    info = location_info(ip)
    if info is None:
        return NOWHERE
    return Place(
        (info["country_code"] or "")[:2],
        (info["country_name"] or "")[:64],
        (info.get("city") or "")[:128],
    )


def location_info(ip: str | None) -> dict[str, Any] | None:
    """Return what ``GeoIP2().city()`` (or ``.country()``) says of an address. Never raises.

    None without a database, for an address it does not hold, and for one that is not public.
    """
    cleaned = clean_ip(ip)
    if cleaned is None:
        return None
    address = ip_address(cleaned)
    return _database.look_up(address) if address.is_global else None


def place_label(city: str, country: str) -> str | None:
    """Return a place in words, ``Linköping, Sweden``, or None where nothing is known."""
    if city and country and city != country:
        return gettext("%(city)s, %(country)s") % {"city": city, "country": country}
    return country or city or None


def database_problem() -> str | None:
    """Return why the configured GeoIP database cannot be used; None if it can, or there is none."""
    source = _Source.configured()
    if source is None:
        return None
    try:
        _open(source.file())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def warm_up() -> None:
    """Open the database, if there is one, before somebody waits for it."""
    _database.reader()


class _File(NamedTuple):
    """A file as it was when it was last looked at."""

    path: Path
    inode: tuple[int, int]
    content: tuple[int, int]


class _Source(NamedTuple):
    """The settings that name a database."""

    path: Any
    city: str
    country: str

    @classmethod
    def configured(cls) -> _Source | None:
        path = getattr(settings, "GEOIP_PATH", None)
        if not path:
            return None
        city = getattr(settings, "GEOIP_CITY", None)
        country = getattr(settings, "GEOIP_COUNTRY", None)
        return cls(path, city or "GeoLite2-City.mmdb", country or "GeoLite2-Country.mmdb")

    def file(self) -> _File:
        """Return the file that GeoIP2 would open: the path itself, or one of the two in it."""
        path = Path(self.path)
        for candidate in (path, path / self.city, path / self.country):
            try:
                stat = candidate.stat()
            except OSError:
                continue
            if S_ISREG(stat.st_mode):
                inode = (stat.st_dev, stat.st_ino)
                return _File(candidate, inode, (stat.st_mtime_ns, stat.st_size))
        raise FileNotFoundError(
            f"{path} is no database, and holds no {self.city} or {self.country}"
        )


class _Opened(NamedTuple):
    """What is open, why, and until when that is not questioned."""

    source: _Source | None
    file: _File | None
    reader: GeoIP2 | None
    valid_until: float


class _Database:
    """The one reader of the process.

    A reader is replaced and never closed: the threads that still use the old one finish with
    it, and it closes when the last of them lets go.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._opened = _Opened(None, None, None, 0)
        self._problem = ""
        self._lookups_failed = False

    def look_up(self, address: IPv4Address | IPv6Address) -> dict[str, Any] | None:
        reader = self.reader()
        if reader is None:
            return None
        from geoip2.errors import AddressNotFoundError

        try:
            # An address object, never text, which GeoIP2 would take for a host name to resolve.
            return dict(reader.city(address) if reader.is_city else reader.country(address))
        except AddressNotFoundError:
            return None
        except Exception as error:
            self._report_lookup(error)
            return None

    def reader(self) -> GeoIP2 | None:
        source = _Source.configured()
        if source is None:
            return None
        if not self._is_valid(source):
            with self._lock:
                if not self._is_valid(source):
                    self._opened = self._renewed(source)
        return self._opened.reader

    def _is_valid(self, source: _Source) -> bool:
        opened = self._opened
        return opened.source == source and monotonic() < opened.valid_until

    def _renewed(self, source: _Source) -> _Opened:
        before = self._opened
        current = before.reader is not None and before.source == source
        valid_until = monotonic() + RECHECK_SECONDS
        file = None
        try:
            file = source.file()
            if current and file == before.file:
                reader = before.reader
            else:
                reader = _open(file)
                self._lookups_failed = False
        except Exception as error:
            self._report_opening(source, error)
            # A file that was written into, instead of replaced, took the open one with it.
            written_into = file and before.file and file.inode == before.file.inode
            if current and not written_into:
                return before._replace(valid_until=valid_until)
            return _Opened(source, None, None, valid_until)
        self._problem = ""
        return _Opened(source, file, reader, valid_until)

    def _report_opening(self, source: _Source, error: Exception) -> None:
        problem = f"{type(error).__name__}: {error}"
        if problem != self._problem:
            self._problem = problem
            logger.warning("The GeoIP database at %s cannot be opened: %s", source.path, problem)

    def _report_lookup(self, error: Exception) -> None:
        with self._lock:
            known, self._lookups_failed = self._lookups_failed, True
        if not known:
            # The error's own text may hold the address, which a site may not want in its logs.
            logger.warning("The GeoIP database cannot look up an address: %s", type(error).__name__)


def _open(file: _File) -> GeoIP2:
    from django.contrib.gis.geoip2 import GeoIP2

    return GeoIP2(file.path)


_database = _Database()
