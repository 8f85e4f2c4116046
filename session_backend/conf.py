"""The settings of the session engine, read when they are first needed and never at import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.module_loading import import_string

__all__ = ["BINDING_MODES", "SITE_DATA", "Limit", "conf"]

BINDING_MODES = ("off", "offer", "require")
# Of a user's sessions: a number, or a function of the user that returns one or None; None: none.
Limit = int | Callable[[Any], "int | None"] | None
# The directives of Clear-Site-Data (W3C, "Clear Site Data", section 3.1).
SITE_DATA = {"cache", "clientHints", "cookies", "executionContexts", "storage", "*"}


def is_positive(value: object) -> bool:
    """Tell whether a value is an int of 1 or more, and not a bool."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class Settings:
    """The settings whose names begin with a prefix."""

    prefix: str
    defaults: dict[str, Any]

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        setting_changed.connect(self._forget)

    def get(self, name: str) -> Any:
        """Return the setting as the site has it, or its default."""
        # A request reads a dozen settings, and getattr() is slow for those that are not set. So
        # values are kept until a test changes a setting.
        try:
            return self._found[name]
        except KeyError:
            value = getattr(settings, self.prefix + name, self.defaults[name])
            return self._found.setdefault(name, value)

    def get_limit(self, name: str) -> Limit:
        """Return a limit of a user's sessions; None if it is no number and no dotted path."""
        limit = self.get(name)
        if isinstance(limit, str):
            return import_string(limit)  # type: ignore[no-any-return]
        return limit if is_positive(limit) else None

    def get_int(self, name: str) -> int:
        """Return the setting as an int, or its default if it is no number."""
        try:
            return int(self.get(name))
        except (TypeError, ValueError, OverflowError):
            return int(self.defaults[name])

    def unknown_names(self) -> Iterator[tuple[str, str]]:
        """Yield the settings with this prefix that do not exist, each with a suggestion."""
        known = [self.prefix + name for name in self.defaults]
        for name in dir(settings):
            if name.startswith(self.prefix) and name not in known:
                similar = get_close_matches(name, known, n=1)
                yield name, f"Did you mean {similar[0]}?" if similar else "Remove it."

    def _forget(self, **kwargs: Any) -> None:
        self._found.clear()


class Conf(Settings):
    """One typed property for each setting. The system checks report invalid values."""

    prefix = "SESSION_BACKEND_"
    defaults = {
        "ACTIVITY_INTERVAL": 60,
        "ABSOLUTE_TIMEOUT": None,
        "BACKGROUND_VIEWS": [],
        "BINDING": "off",
        "CLEAR_SITE_DATA": (),
        "CLIENT_HINTS": False,
        "DEVICE_COOKIE": "device",
        "HISTORY_DAYS": 30,
        "IDLE_TIMEOUT": None,
        "IMPERSONATOR": None,
        "LEGACY_ENGINE": None,
        "MAX_SESSIONS": None,
        "RETENTION_DAYS": None,
        "STORE_IP": "full",
        "STORE_USER_AGENT": True,
        "TRUSTED_PROXIES": [],
    }

    @property
    def activity_interval(self) -> int:
        """Seconds between two touches of a session, and the longest life of a cached session."""
        return self.get_int("ACTIVITY_INTERVAL")

    @property
    def absolute_timeout(self) -> Limit:
        """Seconds after which users have to authenticate again, however much they do."""
        return self.get_limit("ABSOLUTE_TIMEOUT")

    @property
    def idle_timeout(self) -> Limit:
        """Seconds without activity after which a session ends."""
        return self.get_limit("IDLE_TIMEOUT")

    @property
    def max_sessions(self) -> Limit:
        """How many sessions a user may have at once."""
        return self.get_limit("MAX_SESSIONS")

    @property
    def clear_site_data(self) -> Sequence[str]:
        """What browsers delete when their session ends: the directives of ``Clear-Site-Data``."""
        types = self.get("CLEAR_SITE_DATA")
        is_valid = isinstance(types, (list, tuple)) and set(types) <= SITE_DATA
        return types if is_valid else ()

    @property
    def background_views(self) -> Sequence[str]:
        """The views whose requests are background requests: names, or paths that begin with /."""
        views = self.get("BACKGROUND_VIEWS")
        is_valid = isinstance(views, (list, tuple)) and all(
            isinstance(view, str) and view for view in views
        )
        return views if is_valid else []

    @property
    def binding(self) -> str | Callable[[Any], str]:
        """Whether sessions are bound to their devices: ``"off"``, ``"offer"`` or ``"require"``.

        Or a function that returns one of these for a user.
        """
        value = self.get("BINDING")
        if value in BINDING_MODES:
            return str(value)
        found = import_string(value) if isinstance(value, str) and "." in value else None
        return found if callable(found) else "off"

    @property
    def client_hints(self) -> bool:
        """Whether browsers are asked for their platform's version and the device's model."""
        return self.get("CLIENT_HINTS") is True and self.store_user_agent

    @property
    def cookie_attributes(self) -> dict[str, Any]:
        """What this package's cookies have in common with the session cookie, for set_cookie()."""
        return {
            "domain": settings.SESSION_COOKIE_DOMAIN,
            "path": settings.SESSION_COOKIE_PATH,
            "secure": settings.SESSION_COOKIE_SECURE,
            "httponly": True,
            "samesite": "Lax",
        }

    @property
    def device_cookie(self) -> str | None:
        """The name of the cookie by which a device is known again; None: there is none."""
        name = self.get("DEVICE_COOKIE")
        used = ("", settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
        if not isinstance(name, str) or name in used:
            return None
        try:
            SimpleCookie()[name] = ""
        except CookieError:
            return None
        return name

    @property
    def history_days(self) -> int:
        """Days for which past sessions are kept; 0: there is no history."""
        return max(0, self.get_int("HISTORY_DAYS"))

    @property
    def impersonator(self) -> Callable[[HttpRequest], Any] | None:
        """What returns who is behind a request as somebody else, or None; None: nobody ever is."""
        path = self.get("IMPERSONATOR")
        return None if path is None else import_string(path)

    @property
    def trusted_proxies(self) -> int | Sequence[str]:
        """The networks (CIDR) whose ``X-Forwarded-For`` is trusted, or the number of proxies."""
        value: int | Sequence[str] = self.get("TRUSTED_PROXIES")
        return value

    @property
    def store_ip(self) -> str:
        """``"full"``, ``"truncated"`` (to /24 or /48) or ``"off"``."""
        return str(self.get("STORE_IP"))

    @property
    def store_user_agent(self) -> bool:
        """Whether user agents are stored."""
        return bool(self.get("STORE_USER_AGENT"))

    @property
    def retention_days(self) -> int | None:
        """Days without activity after which ``clearsessions`` blanks the client; None: never."""
        days = self.get("RETENTION_DAYS")
        return None if days is None else int(days)

    @property
    def legacy_engine(self) -> str | None:
        """Dotted path of the engine whose live sessions are adopted; None: none are."""
        path: str | None = self.get("LEGACY_ENGINE")
        return path

    @property
    def session_store(self) -> Any:
        """The store class of Django's ``SESSION_ENGINE``, which may be of another package."""
        return import_module(settings.SESSION_ENGINE).SessionStore


conf = Conf()
