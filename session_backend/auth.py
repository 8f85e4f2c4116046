"""Whose a session is, and whether Django still accepts it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db import router

__all__ = ["NO_OWNER", "Owner", "accepted_hashes", "accepts", "owner_of", "user_with"]


class Owner(NamedTuple):
    """The columns that say whose a session is.

    ``auth_hash`` is a short digest of the session's ``_auth_user_hash``, which Django compares
    with the user's password: enough to see that they differ, and too little to learn from.
    """

    user_id: Any
    auth_hash: str


NO_OWNER = Owner(None, "")


def owner_of(data: Mapping[str, Any]) -> Owner:
    """Return the owner of a session with this data; ``NO_OWNER`` where it names no user."""
    try:
        user_id = get_user_model()._meta.pk.to_python(data[SESSION_KEY])
    except (KeyError, ValidationError):
        return NO_OWNER
    # A site may put anything into a session, and Django saves it.
    return Owner(user_id, _shortened(str(data.get(HASH_SESSION_KEY, ""))))


def accepted_hashes(user: AbstractBaseUser | AnonymousUser) -> list[str]:
    """Return the ``auth_hash`` of every session in which Django accepts this user.

    Sessions from before a password change are not among them: Django signs those out at their
    next request ("Session invalidation on password change" in its documentation).
    """
    if isinstance(user, AnonymousUser):
        return []
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return [_shortened(auth_hash) for auth_hash in hashes]


def accepts(data: Mapping[str, Any]) -> bool:
    """Return whether Django accepts the user of a session with this data; it reads the user.

    It does not after a password change.
    """
    owner = owner_of(data)
    user = user_with(owner.user_id)
    return user is None or owner.auth_hash in accepted_hashes(user)


def user_with(user_id: Any) -> Any:
    """Return the user with this primary key, or None."""
    user_model = get_user_model()
    users = user_model._base_manager.using(router.db_for_write(user_model))
    return None if user_id is None else users.filter(pk=user_id).first()


def _shortened(auth_hash: str) -> str:
    return sha256(auth_hash.encode()).hexdigest()[:16]
