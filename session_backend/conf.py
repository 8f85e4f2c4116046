"""The settings of the session engine, read when they are first needed and never at import."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.signals import setting_changed

if TYPE_CHECKING:
    from session_backend.backends.db import SessionStore

__all__ = ["conf"]


class Settings:
    """The settings whose names begin with a prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._found: dict[str, Any] = {}
        setting_changed.connect(self._forget)

    def _get(self, name: str, default: Any) -> Any:
        # A request asks a dozen times, and Django raises an exception for each setting that is
        # not there: what was found is kept until a test changes a setting.
        try:
            return self._found[name]
        except KeyError:
            return self._found.setdefault(name, getattr(settings, self._prefix + name, default))

    def _forget(self, **kwargs: Any) -> None:
        self._found.clear()


class Conf(Settings):
    """One typed property a setting; what a wrong value does is said by the system checks."""

    @property
    def activity_interval(self) -> int:
        """Seconds between two stamps of one session, and the longest life of a cached copy."""
        return int(self._get("ACTIVITY_INTERVAL", 60))

    @property
    def trusted_proxies(self) -> int | Sequence[str]:
        """The networks (CIDR) whose ``X-Forwarded-For`` is believed, or how many proxies."""
        value: int | Sequence[str] = self._get("TRUSTED_PROXIES", [])
        return value

    @property
    def store_ip(self) -> str:
        """``"full"``, ``"truncated"`` (to /24 or /48) or ``"off"``."""
        return str(self._get("STORE_IP", "full"))

    @property
    def store_user_agent(self) -> bool:
        """Whether user agents are kept."""
        return bool(self._get("STORE_USER_AGENT", True))

    @property
    def retention_days(self) -> int | None:
        """Days without activity after which ``clearsessions`` forgets the client; None: never."""
        days = self._get("RETENTION_DAYS", None)
        return None if days is None else int(days)

    @property
    def legacy_engine(self) -> str | None:
        """Dotted path of the engine whose live sessions are adopted; None: none are."""
        path: str | None = self._get("LEGACY_ENGINE", None)
        return path

    @property
    def session_store(self) -> type[SessionStore]:
        """The store class of Django's ``SESSION_ENGINE``."""
        store: type[SessionStore] = import_module(settings.SESSION_ENGINE).SessionStore
        return store


conf = Conf("SESSION_BACKEND_")
