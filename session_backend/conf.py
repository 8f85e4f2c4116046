"""The settings of the session engine, read when they are first needed and never at import."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.functional import cached_property

if TYPE_CHECKING:
    from session_backend.backends.db import SessionStore

__all__ = ["conf"]


class Conf:
    """One typed property a setting; what a wrong value does is said by the system checks."""

    @cached_property
    def activity_interval(self) -> int:
        """Seconds between two stamps of one session, and the longest life of a cached copy."""
        return int(self._get("ACTIVITY_INTERVAL", 60))

    @cached_property
    def trusted_proxies(self) -> int | Sequence[str]:
        """The networks (CIDR) whose ``X-Forwarded-For`` is believed, or how many proxies."""
        value: int | Sequence[str] = self._get("TRUSTED_PROXIES", [])
        return value

    @cached_property
    def store_ip(self) -> str:
        """``"full"``, ``"truncated"`` (to /24 or /48) or ``"off"``."""
        return str(self._get("STORE_IP", "full"))

    @cached_property
    def store_user_agent(self) -> bool:
        """Whether user agents are kept."""
        return bool(self._get("STORE_USER_AGENT", True))

    @cached_property
    def retention_days(self) -> int | None:
        """Days without activity after which ``clearsessions`` forgets the client; None: never."""
        days = self._get("RETENTION_DAYS", None)
        return None if days is None else int(days)

    @cached_property
    def legacy_engine(self) -> str | None:
        """Dotted path of the engine whose live sessions are adopted; None: none are."""
        path: str | None = self._get("LEGACY_ENGINE", None)
        return path

    @cached_property
    def session_store(self) -> type[SessionStore]:
        """The store class of Django's ``SESSION_ENGINE``."""
        store: type[SessionStore] = import_module(settings.SESSION_ENGINE).SessionStore
        return store

    def forget(self, **kwargs: Any) -> None:
        """Read every setting again when it is needed next: a test has changed one."""
        vars(self).clear()

    def _get(self, name: str, default: Any) -> Any:
        return getattr(settings, f"SESSION_BACKEND_{name}", default)


conf = Conf()
# A request asks a dozen times, and Django makes an exception of each setting that is not there.
setting_changed.connect(conf.forget)
