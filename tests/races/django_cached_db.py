"""Django's ``cached_db`` engine, with a table that the site under test does not have."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import cached_db

from tests.races.django_db import PlainSession

__all__ = ["SessionStore"]


class SessionStore(cached_db.SessionStore):
    @classmethod
    def get_model_class(cls) -> Any:
        return PlainSession
