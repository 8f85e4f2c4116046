"""Times and places in words, as the list shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib import import_module
from ipaddress import ip_address, ip_network

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, ngettext, to_locale
from django.utils.translation import gettext_lazy as _

from session_backend.conf import conf
from session_backend.details import MAX_NAME, SessionDetails
from session_backend.history import Reason
from session_backend.locations import Place, place_label

__all__ = [
    "SIGNED_OUT_BECAUSE",
    "ago",
    "clean_name",
    "day",
    "exact",
    "full_name",
    "idle_end",
    "local_now",
    "localized_country",
    "name",
    "place",
    "seconds_until_change",
    "seconds_until_idle_end_changes",
    "seconds_until_midnight",
    "sign_out_question",
    "signed_out_because",
]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# After a month a date says more than a number of days.
MONTH = 30 * DAY

# Not is_private: that holds networks kept for documentation too.
LOCAL_NETWORKS = [
    ip_network(network)
    for network in (
        *("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
]

# What a visitor is told who may be a thief: no device and no place.
SIGNED_OUT_BECAUSE: Mapping[str, str | Promise] = {
    Reason.REVOKED: _("You were signed out from another device."),
    Reason.REVOKED_BY_STAFF: _("An administrator signed you out."),
    Reason.PASSWORD_CHANGED: _("Your password was changed. Please sign in again."),
    Reason.EXPIRED: _("Your session has expired."),
    Reason.IDLE: _("You were signed out because you had not been active for a while."),
    Reason.LIMIT: _("You were signed out because you signed in on another device."),
    Reason.ACCOUNT_DISABLED: _("Your account has been disabled."),
    Reason.BINDING_FAILED: _(
        "Your browser did not prove that this is the device on which you signed in. Please sign in "
        "again. If this happens again, use another browser."
    ),
}

# Persian and emojis need them; other invisible characters may reverse the text around them.
JOINERS = "\u200c\u200d"


def signed_out_because(reason: str) -> str:
    """Return in words why a visitor was signed out, a Reason; ``""`` if there is nothing to say."""
    limit = conf.idle_timeout
    if reason != Reason.IDLE or callable(limit) or not limit or limit < MINUTE:
        return str(SIGNED_OUT_BECAUSE.get(reason, ""))
    if limit % HOUR:
        count = limit // MINUTE
        words = ngettext(
            "You were signed out after %(count)d minute without activity.",
            "You were signed out after %(count)d minutes without activity.",
            count,
        )
    else:
        count = limit // HOUR
        words = ngettext(
            "You were signed out after %(count)d hour without activity.",
            "You were signed out after %(count)d hours without activity.",
            count,
        )
    return words % {"count": count}


def idle_end(moment: datetime, now: datetime) -> str:
    """Return when an idle session ends, *in 25 minutes without activity*."""
    seconds = max(0, int((moment - now).total_seconds()))
    unit = unit_of(seconds)
    count = max(1, seconds // unit)
    if unit == MINUTE:
        words = ngettext(
            "in %(count)d minute without activity", "in %(count)d minutes without activity", count
        )
    elif unit == HOUR:
        words = ngettext(
            "in %(count)d hour without activity", "in %(count)d hours without activity", count
        )
    else:
        words = ngettext(
            "in %(count)d day without activity", "in %(count)d days without activity", count
        )
    return words % {"count": count}


def seconds_until_idle_end_changes(moment: datetime, now: datetime) -> float:
    """Return for how many seconds from ``now`` the text of :func:`idle_end` stays the same."""
    seconds = max(0.0, (moment - now).total_seconds())
    return seconds % unit_of(seconds)


def ago(moment: datetime, now: datetime) -> str:
    """Return how long before ``now`` that was, *2 minutes ago*, or the date after a month."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds >= MONTH:
        return day(moment, now)
    unit = unit_of(seconds)
    return _ago(seconds // unit, unit, get_language())


def seconds_until_change(moment: datetime, now: datetime) -> float:
    """Return for how many seconds from ``now`` the text of :func:`ago` stays the same, or fewer."""
    seconds = max(0.0, (now - moment).total_seconds())
    unit = unit_of(seconds)
    return unit - seconds % unit


def unit_of(seconds: float) -> int:
    """Return the length of what such a time is counted in."""
    return MINUTE if seconds < HOUR else HOUR if seconds < DAY else DAY


def seconds_until_midnight(now: datetime) -> int:
    """Return after how many seconds :func:`day` may say something else."""
    return DAY - now.hour * HOUR - now.minute * MINUTE - now.second


def day(moment: datetime, now: datetime) -> str:
    """Return *Today*, *Yesterday* or the date, in the reader's language and time zone."""
    return _day(in_zone_of(now, moment).date(), now.date(), get_language())


def exact(moment: datetime, now: datetime) -> str:
    """Return day and time, in the reader's language and time zone, which is named."""
    here = in_zone_of(now, moment)
    clock = _clock(here.hour, here.minute, get_language())
    # tzname() is None where USE_TZ is False.
    return f"{day(moment, now)}, {clock} {here.tzname() or ''}".rstrip()


def local_now() -> datetime:
    """Return the time in the reader's time zone, as the other functions take it."""
    now = timezone.now()
    return timezone.localtime(now) if timezone.is_aware(now) else now


def in_zone_of(now: datetime, moment: datetime) -> datetime:
    """Return a moment in the reader's time zone, unless USE_TZ is False."""
    return moment.astimezone(now.tzinfo) if now.tzinfo else moment


# Translating, and formatting by Django's rules, is most of the time that a row takes.
@lru_cache(maxsize=1024)
def _ago(count: int, unit: int, language: str | None) -> str:
    if not count:
        return gettext("just now")
    # Not Django's timesince: in many languages the case of "minutes" depends on the "ago".
    if unit == MINUTE:
        words = ngettext("%(count)d minute ago", "%(count)d minutes ago", count)
    elif unit == HOUR:
        words = ngettext("%(count)d hour ago", "%(count)d hours ago", count)
    else:
        words = ngettext("%(count)d day ago", "%(count)d days ago", count)
    return words % {"count": count}


@lru_cache(maxsize=1024)
def _day(that_day: date, today: date, language: str | None) -> str:
    if that_day == today:
        return gettext("Today")
    if that_day == today - timedelta(days=1):
        return gettext("Yesterday")
    return date_format(that_day, "DATE_FORMAT")


@lru_cache(maxsize=4096)
def _clock(hour: int, minute: int, language: str | None) -> str:
    return time_format(time(hour, minute), "TIME_FORMAT")


def name(session: SessionDetails) -> str:
    """Return what a session is called: by the person, or *Support (Jane)*; or nothing."""
    if session.impersonator:
        return gettext("Support (%(name)s)") % {"name": session.impersonator}
    return session.name


def full_name(name: str, device: str, *about: str) -> str:
    """Return what tells a session from others: *Work laptop (Chrome on Windows, Linköping)*."""
    first, *rest = filter(None, (name, device, *about))
    return f"{first} ({', '.join(rest)})" if rest else first


def sign_out_question(device: str, count: int = 1) -> str:
    """Return *Sign out Work laptop (Chrome on Windows)?*, or the same of several sessions."""
    words = gettext("Sign out %(device)s?")
    if count > 1:
        words = ngettext(
            "Sign out %(count)d session of %(device)s?",
            "Sign out %(count)d sessions of %(device)s?",
            count,
        )
    return words % {"device": device, "count": count}


def clean_name(text: str) -> str:
    """Return a name as it may be stored: a line of printable characters, 64 at most."""
    kept = (char for char in text if char.isprintable() or char.isspace() or char in JOINERS)
    line = " ".join("".join(kept).split())[:MAX_NAME].strip()
    return line if line.strip(f"{JOINERS} ") else ""


def place(session: SessionDetails) -> str:
    """Return where a session is: *Linköping, Sweden*, else *Local network* or the IP address."""
    known = Place(session.country_code, session.country, session.city)
    label = _label(known, get_language())
    if label:
        return label
    if not session.ip:
        return gettext("Unknown location")
    return gettext("Local network") if _is_local(session.ip) else session.ip


@lru_cache(maxsize=4096)
def _label(known: Place, language: str | None) -> str | None:
    found = localized_country(known)
    return place_label(city=found.city, country=found.country)


@lru_cache(maxsize=1024)
def _is_local(ip: str) -> bool:
    address = ip_address(ip)
    return any(address in network for network in LOCAL_NETWORKS)


def localized_country(place: Place) -> Place:
    """Return the place with its country in the active language, where Babel is installed.

    GeoIP databases have English names, and those stay for a reader of English.
    """
    language = get_language() or "en"
    if not place.country_code or language.split("-")[0] == "en":
        return place
    country = _territories(to_locale(language)).get(place.country_code, place.country)
    return place._replace(country=country)


@lru_cache(maxsize=64)
def _territories(locale: str) -> Mapping[str, str]:
    """Return the names of countries by their code (ISO 3166-1), from CLDR through Babel."""
    try:
        babel = import_module("babel")
    except ImportError:
        return {}
    try:
        names: Mapping[str, str] = babel.Locale.parse(locale).territories
    except (ValueError, babel.UnknownLocaleError):
        return {}
    return names
