"""Where an IP address is, from the GeoIP database that Django's own settings name.

``GEOIP_PATH``, ``GEOIP_CITY`` and ``GEOIP_COUNTRY`` are the settings of
``django.contrib.gis.geoip2``, which needs neither GDAL nor ``django.contrib.gis`` in
``INSTALLED_APPS``. Without ``GEOIP_PATH`` nothing is looked up. While the database is missing or
broken, no address has a place, and one warning is logged.

A new database is used from the next lookup on. Put it in place by renaming it over the old file,
as ``geoipupdate`` does. Do not write into the old file: it is mapped into memory, and truncating
it can crash the processes that use it.
"""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from ipaddress import ip_address
from stat import S_ISREG
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

logger = logging.getLogger(__name__)


class Place(NamedTuple):
    """A place by its English names: at most 2, 64 and 128 characters, ``""`` if unknown."""

    country_code: str
    country: str
    city: str


NOWHERE = Place("", "", "")


def locate(ip: str | None) -> Place:
    """Return the place of an IP address, or ``NOWHERE`` if it is not known. Never raises."""
    info = location_info(ip) or {}
    return Place(
        _text(info.get("country_code"))[:2],
        _text(info.get("country_name"))[:64],
        _text(info.get("city"))[:128],
    )


def location_info(ip: str | None) -> dict[str, Any] | None:
    """Return what ``GeoIP2().city()`` or ``.country()`` returns for an IP address. Never raises.

    None without a database, for an address that is not in it, and for one that is not public.
    """
    cleaned = clean_ip(ip)
    if cleaned is None:
        return None
    address = ip_address(cleaned)
    reader = _reader() if address.is_global else None
    if reader is None:
        return None
    from geoip2.errors import AddressNotFoundError

    try:
        # An address object: GeoIP2 resolves strings that it does not recognize as host names.
        return dict(reader.city(address) if reader.is_city else reader.country(address))
    except AddressNotFoundError:
        return None
    except Exception as error:
        # The text of the error may contain the address, which must not be in the log.
        _warn_once(f"cannot look up an address: {type(error).__name__}")
        return None


def place_label(city: str, country: str) -> str | None:
    """Return a place as text, ``Linköping, Sweden``, or None if nothing is known."""
    if city and country and city != country:
        return gettext("%(city)s, %(country)s") % {"city": city, "country": country}
    return country or city or None


def database_problem() -> str | None:
    """Return why the GeoIP database cannot be used; None if it can, or if none is configured."""
    try:
        _open_configured()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def warm_up() -> None:
    """Open the database, if one is configured, so that no request has to wait for it."""
    _reader()


def _reader() -> GeoIP2 | None:
    try:
        return _open_configured()
    except Exception as error:
        _warn_once(f"cannot be opened: {type(error).__name__}: {error}")
        return None


def _open_configured() -> GeoIP2 | None:
    """Return a reader of the file that GeoIP2 would open; None if no path is configured."""
    path = getattr(settings, "GEOIP_PATH", None)
    if not path:
        return None
    path = os.fspath(path)
    city = getattr(settings, "GEOIP_CITY", None) or "GeoLite2-City.mmdb"
    country = getattr(settings, "GEOIP_COUNTRY", None) or "GeoLite2-Country.mmdb"
    for file in (path, os.path.join(path, city), os.path.join(path, country)):
        try:
            stat = os.stat(file)
        except OSError:
            continue
        if S_ISREG(stat.st_mode):
            return _open(file, stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size)
    raise FileNotFoundError(f"{path} is not a database and contains neither {city} nor {country}")


@lru_cache(maxsize=1)
def _open(file: str, *version: int) -> GeoIP2:
    """Open a file once, until it is replaced or written into.

    The reader it replaces is not closed here: threads may still use it. It closes itself when
    the last of them is done.
    """
    from django.contrib.gis.geoip2 import GeoIP2

    reader = GeoIP2(file)
    _warn_once.cache_clear()
    return reader


@lru_cache(maxsize=8)
def _warn_once(problem: str) -> None:
    logger.warning("The GeoIP database %s", problem)


def _text(value: object) -> str:
    # The format allows any type for any value: https://maxmind.github.io/MaxMind-DB/
    return value if isinstance(value, str) else ""
