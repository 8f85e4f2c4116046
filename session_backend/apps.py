"""The session engine as a Django app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import connections
from django.db.models.signals import post_delete, post_save, pre_delete
from django.utils.translation import gettext_lazy as _

from session_backend.conf import conf

if TYPE_CHECKING:
    from session_backend.backends.db import SessionStore
    from session_backend.models import SessionQuerySet

__all__ = ["SessionBackendConfig"]


class SessionBackendConfig(AppConfig):
    """``session_backend``, which replaces ``django.contrib.sessions``."""

    name = "session_backend"
    verbose_name = _("Sessions")

    def ready(self) -> None:
        from session_backend import checks  # noqa: F401

        user_logged_in.connect(note_sign_in, dispatch_uid="session_backend")
        user_logged_out.connect(note_sign_out, dispatch_uid="session_backend")
        # A proxy of the user model sends signals of its own.
        user_model = get_user_model()
        for model in apps.get_models():
            if issubclass(model, user_model):
                pre_delete.connect(
                    invalidate_sessions, sender=model, dispatch_uid="session_backend"
                )
                post_save.connect(
                    end_sessions_of_disabled, sender=model, dispatch_uid="session_backend"
                )
                post_delete.connect(forget_history, sender=model, dispatch_uid="session_backend")


def note_sign_in(request: Any, **kwargs: Any) -> None:
    """Note when the user proved who they are, also if the same user was signed in before.

    Django keeps the key then. It is changed here, so that a copy of it is of no use: OWASP ASVS
    5.0, V7.2.4.
    """
    from session_backend.backends.db import session_of

    session = session_of(request)
    if session is not None:
        session.mark_authenticated()
        if session.session_key == request.COOKIES.get(settings.SESSION_COOKIE_NAME):
            session.cycle_key()


def note_sign_out(request: Any, **kwargs: Any) -> None:
    """Tell a sign-out from the end that Django makes of a session after a password change."""
    from session_backend.backends.db import session_of

    session = session_of(request)
    if session is not None:
        session.is_signing_out = True


def end_sessions_of_disabled(
    instance: Any, using: str, created: bool, raw: bool = False, **kwargs: Any
) -> None:
    """End the sessions of a user who is saved as inactive, or the account would revive them."""
    if instance.is_active or created or raw:
        return
    from session_backend.history import Reason

    sessions = sessions_of(instance, using)
    sessions.revoke(reason=Reason.ACCOUNT_DISABLED.value)


def invalidate_sessions(instance: Any, using: str, **kwargs: Any) -> None:
    """Invalidate the cached sessions of a user who is deleted.

    The cascade deletes their rows by a statement of its own, which does not call our models.
    """
    from session_backend.cache import session_cache

    if not store_class().caches_sessions:
        return
    sessions = sessions_of(instance, using)
    if connections[using].in_atomic_block:
        # Until they are deleted none of them gets another key, which would have no marker.
        sessions = sessions.select_for_update()
    cache = session_cache()
    for keys in sessions.key_batches():
        cache.invalidate(keys)


def forget_history(instance: Any, using: str, **kwargs: Any) -> None:
    """Delete the past sessions of a user who is deleted.

    The cascade may delete those before the sessions, which others can move to the history in
    between. Now that the sessions are deleted, nobody can.
    """
    if conf.history_days:
        from session_backend.history import PastSession

        PastSession.objects.using(using).filter(user=instance.pk).delete()


def store_class() -> type[SessionStore]:
    from session_backend.models import Session

    return Session.get_session_store_class()


def sessions_of(user: Any, using: str) -> SessionQuerySet:
    return store_class().get_model_class().objects.using(using).filter(user=user.pk)
