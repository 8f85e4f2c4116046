"""Prints the rules that sessions have to follow."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize

from session_backend.conf import conf

UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


class Command(BaseCommand):
    """Plain text, to paste into an audit; in English, as the names of the settings are."""

    help = (
        "Prints the rules that are in force: the engine, the cookie, when sessions end by "
        "themselves, how many a user may have, and what is stored. With --user, limits that "
        "depend on the user are those of this one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--user", metavar="USER", help="show the limits of this user, by username"
        )

    def handle(self, *args: Any, user: str | None, **options: Any) -> None:
        rules = dict(self.rules(None if user is None else found(user)))
        width = max(map(len, rules))
        for name, rule in rules.items():
            self.stdout.write(f"{name:{width}}  {rule}")

    def rules(self, user: Any) -> Iterator[tuple[str, str]]:
        """Yield each setting, or other name, and what it means here."""
        if user is not None:
            yield "User", user.get_username()
        yield "SESSION_ENGINE", settings.SESSION_ENGINE
        yield "Session key", "165 random bits; stored as a SHA-256 digest"
        yield "SESSION_COOKIE_NAME", f"{settings.SESSION_COOKIE_NAME}; {'; '.join(flags())}"
        yield "SESSION_COOKIE_AGE", cookie_age()
        for name, limit in (
            ("IDLE_TIMEOUT", conf.idle_timeout),
            ("ABSOLUTE_TIMEOUT", conf.absolute_timeout),
        ):
            yield conf.prefix + name, limited(name, limit, user, duration)
        yield (
            f"{conf.prefix}MAX_SESSIONS",
            limited("MAX_SESSIONS", conf.max_sessions, user, "{} at once".format),
        )
        if apps.is_installed("session_ui"):
            seconds = getattr(settings, "SESSION_UI_REAUTHENTICATE_AFTER", None)
            rule = "off" if seconds is None else f"password again after {duration(seconds)}"
            yield "SESSION_UI_REAUTHENTICATE_AFTER", rule
        yield f"{conf.prefix}ACTIVITY_INTERVAL", duration(conf.activity_interval)
        yield f"{conf.prefix}BINDING", limited("BINDING", conf.binding, user, str)
        yield f"{conf.prefix}CLEAR_SITE_DATA", ", ".join(conf.clear_site_data) or "off"
        yield f"{conf.prefix}DEVICE_COOKIE", conf.device_cookie or "off"
        days = conf.history_days
        yield f"{conf.prefix}HISTORY_DAYS", days_in_words(days) if days else "no history"
        retention = conf.retention_days
        kept = "until the session ends" if retention is None else days_in_words(retention)
        yield f"{conf.prefix}RETENTION_DAYS", kept
        yield f"{conf.prefix}STORE_IP", conf.store_ip
        yield f"{conf.prefix}STORE_USER_AGENT", "yes" if conf.store_user_agent else "no"
        yield f"{conf.prefix}LEGACY_ENGINE", conf.legacy_engine or "none"


def found(username: str) -> Any:
    """Return the user of this name."""
    user_model: Any = get_user_model()
    try:
        return user_model._default_manager.get(**{user_model.USERNAME_FIELD: username})
    except user_model.DoesNotExist:
        raise CommandError(f"There is no user {username}.") from None


def flags() -> Iterator[str]:
    """Yield the attributes of the session cookie."""
    yield f"Path={settings.SESSION_COOKIE_PATH}"
    if settings.SESSION_COOKIE_DOMAIN:
        yield f"Domain={settings.SESSION_COOKIE_DOMAIN}"
    yield "Secure" if settings.SESSION_COOKIE_SECURE else "not Secure"
    yield "HttpOnly" if settings.SESSION_COOKIE_HTTPONLY else "not HttpOnly"
    samesite = settings.SESSION_COOKIE_SAMESITE
    yield f"SameSite={samesite}" if samesite else "no SameSite"


def cookie_age() -> str:
    """Return how long a session lives that no timeout ends earlier."""
    since = "request" if settings.SESSION_SAVE_EVERY_REQUEST else "change"
    text = f"{duration(settings.SESSION_COOKIE_AGE)} after the last {since}"
    closes = settings.SESSION_EXPIRE_AT_BROWSER_CLOSE
    return f"{text}; the cookie goes when the browser is closed" if closes else text


def limited(name: str, limit: Any, user: Any, in_words: Any) -> str:
    """Return a limit in words: that of the user, if it depends on the user."""
    if not callable(limit):
        return "no limit" if limit is None else str(in_words(limit))
    path = conf.get(name)
    if user is None:
        return f"depends on the user: {path}"
    own = limit(user)
    return f"{'no limit' if own is None else in_words(own)} (by {path})"


def duration(seconds: int) -> str:
    """Return seconds in the largest unit that divides them: ``90 minutes``."""
    unit = next(unit for unit, size in UNITS.items() if seconds % size == 0)
    number = seconds // UNITS[unit]
    return f"{number} {unit}{pluralize(number)}"


def days_in_words(days: int) -> str:
    """Return a number of days with its word."""
    return f"{days} day{pluralize(days)}"
