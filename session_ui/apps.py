"""The app that shows people their sessions."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

__all__ = ["SessionUIConfig"]


class SessionUIConfig(AppConfig):
    """Registers the system checks, and the receiver that emails about new sign-ins."""

    name = "session_ui"
    verbose_name = _("Signed-in devices")

    def ready(self) -> None:
        from session_ui import checks  # noqa: F401
        from session_ui.conf import conf

        # A signal without receivers costs no statement.
        if conf.notify_new_sign_in:
            from session_backend.signals import session_started
            from session_ui.notifications import notify_of_new_sign_in

            session_started.connect(notify_of_new_sign_in, dispatch_uid="session_ui")
