"""The session engine as a Django app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.db import connections
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _

__all__ = ["SessionBackendConfig"]


class SessionBackendConfig(AppConfig):
    """``session_backend``, which replaces ``django.contrib.sessions``."""

    name = "session_backend"
    verbose_name = _("Sessions")

    def ready(self) -> None:
        from session_backend import checks  # noqa: F401

        # A proxy of the user model sends signals of its own.
        user_model = get_user_model()
        for model in apps.get_models():
            if issubclass(model, user_model):
                pre_delete.connect(
                    invalidate_sessions, sender=model, dispatch_uid="session_backend"
                )


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
