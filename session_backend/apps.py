"""The session engine as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

__all__ = ["SessionBackendConfig"]


class SessionBackendConfig(AppConfig):
    """``session_backend``, in the place of ``django.contrib.sessions``."""

    name = "session_backend"
    verbose_name = _("Sessions")

    def ready(self) -> None:
        from session_backend import checks  # noqa: F401
        from session_backend.receivers import connect

        connect()
