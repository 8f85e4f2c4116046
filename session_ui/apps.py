"""The app that shows people their sessions."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

__all__ = ["SessionUIConfig"]


class SessionUIConfig(AppConfig):
    """Registers the system checks and the receivers of signals."""

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
        if apps.is_installed("allauth.account"):
            from session_ui.reauthentication import note_reauthentication

            signal = import_string("allauth.account.signals.authentication_step_completed")
            signal.connect(note_reauthentication, dispatch_uid="session_ui")
