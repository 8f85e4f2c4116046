"""The app that shows people their sessions."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

__all__ = ["SessionUIConfig"]


class SessionUIConfig(AppConfig):
    """Registers the system checks."""

    name = "session_ui"
    verbose_name = _("Signed-in devices")

    def ready(self) -> None:
        from session_ui import checks  # noqa: F401
