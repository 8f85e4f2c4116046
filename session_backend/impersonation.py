"""Who is behind a session that is somebody else's: support, by django-hijack or the like.

``SESSION_BACKEND_IMPERSONATOR`` names a function that returns that user for a request, or None.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest

from session_backend.conf import conf

__all__ = ["actor", "from_hijack", "from_impersonate", "impersonator_name"]

MAX_NAME = 150


def from_hijack(request: HttpRequest) -> Any:
    """Return the user who has hijacked the session of a request, by django-hijack."""
    # Who hijacks from a hijacked session is the first.
    hijackers = request.session.get("hijack_history")
    if not hijackers:
        return None
    user_model = get_user_model()
    return user_model._base_manager.filter(pk=user_model._meta.pk.to_python(hijackers[0])).first()


def from_impersonate(request: HttpRequest) -> Any:
    """Return the user who impersonates the user of a request, by django-impersonate."""
    return getattr(request, "impersonator", None)


def actor(request: HttpRequest) -> Any:
    """Return who does what a request asks for: its user, or who impersonates them."""
    return impersonator(request) or request.user


def impersonator_name(request: HttpRequest | None) -> str:
    """Return what to call who impersonates the user of a request; ``""`` without such."""
    user = None if request is None else impersonator(request)
    if user is None:
        return ""
    get_short_name = getattr(user, "get_short_name", user.get_username)
    return str(get_short_name() or user.get_username())[:MAX_NAME]


def impersonator(request: HttpRequest) -> Any:
    find = conf.impersonator
    return None if find is None else find(request)
