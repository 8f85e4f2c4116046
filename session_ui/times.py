"""Moments in words, as the list shows them."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

__all__ = ["ago", "day", "exact", "lasts"]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# Past this nobody counts days: a date says more.
MONTH = 30 * DAY


def ago(moment: datetime, now: datetime) -> str:
    """Return how long before ``now`` that was, *2 minutes ago*, or the date after a month."""
    seconds = int((now - moment).total_seconds())
    if seconds < MINUTE:
        return gettext("just now")
    # Sentences of our own and not Django's timesince: in many languages the case of "minutes"
    # hangs on the "ago".
    if seconds < HOUR:
        count = seconds // MINUTE
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", count) % {"count": count}
    if seconds < DAY:
        count = seconds // HOUR
        return ngettext("%(count)d hour ago", "%(count)d hours ago", count) % {"count": count}
    if seconds < MONTH:
        count = seconds // DAY
        return ngettext("%(count)d day ago", "%(count)d days ago", count) % {"count": count}
    return day(moment)


def lasts(moment: datetime, now: datetime) -> float:
    """Return for how many seconds from ``now`` the words of :func:`ago` stay the same, or fewer."""
    seconds = max(0.0, (now - moment).total_seconds())
    unit = MINUTE if seconds < HOUR else HOUR if seconds < DAY else DAY
    return unit - seconds % unit


def day(moment: datetime) -> str:
    """Return the date, in the reader's language and time zone."""
    return date_format(local(moment), "DATE_FORMAT")


def exact(moment: datetime) -> str:
    """Return date and time, in the reader's language and time zone, which is named."""
    here = local(moment)
    # tzname() is None where a site does without time zones.
    return f"{date_format(here, 'DATETIME_FORMAT')} {here.tzname() or ''}".rstrip()


def local(moment: datetime) -> datetime:
    """Return the moment in the reader's time zone, where the site has time zones."""
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment
