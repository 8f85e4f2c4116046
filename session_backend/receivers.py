"""What the engine listens to."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connections
from django.db.models.signals import pre_delete

from session_backend.models import Session

__all__ = ["connect"]


def connect() -> None:
    """Connect the receivers; proxies of the user model send signals of their own."""
    user_model = get_user_model()
    for model in apps.get_models():
        if issubclass(model, user_model):
            pre_delete.connect(mark_sessions, sender=model, dispatch_uid="session_backend")


def mark_sessions(instance: Any, using: str, **kwargs: Any) -> None:
    """Mark the sessions of a user who is deleted.

    The cascade takes their rows in a statement of its own, which asks no session store.
    """
    store = Session.get_session_store_class()
    sessions = store.get_model_class().objects.using(using).filter(user=instance.pk)
    if connections[using].in_atomic_block:
        # Until they are gone none of them gets another key, which would have no marker.
        sessions = sessions.select_for_update()
    store.mark_all(sessions)
