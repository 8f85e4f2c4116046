"""The session engine as a Django app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db import connections
from django.db.models.signals import post_delete, pre_delete
from django.utils.translation import gettext_lazy as _

from session_backend.conf import conf

__all__ = ["SessionBackendConfig"]


class SessionBackendConfig(AppConfig):
    """``session_backend``, which replaces ``django.contrib.sessions``."""

    name = "session_backend"
    verbose_name = _("Sessions")

    def ready(self) -> None:
        from session_backend import checks  # noqa: F401

        user_logged_out.connect(note_sign_out, dispatch_uid="session_backend")
        # A proxy of the user model sends signals of its own.
        user_model = get_user_model()
        for model in apps.get_models():
            if issubclass(model, user_model):
                pre_delete.connect(
                    invalidate_sessions, sender=model, dispatch_uid="session_backend"
                )
                post_delete.connect(forget_history, sender=model, dispatch_uid="session_backend")


def note_sign_out(request: Any, **kwargs: Any) -> None:
    """Tell a sign-out from the end that Django makes of a session after a password change."""
    session = getattr(request, "session", None)
    if session is not None:
        session.is_signing_out = True


def invalidate_sessions(instance: Any, using: str, **kwargs: Any) -> None:
    """Invalidate the cached sessions of a user who is deleted.

    The cascade deletes their rows by a statement of its own, which calls no code of ours.
    """
    from session_backend.cache import session_cache
    from session_backend.models import Session

    store = Session.get_session_store_class()
    if not store.caches_sessions:
        return
    sessions = store.get_model_class().objects.using(using).filter(user=instance.pk)
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
