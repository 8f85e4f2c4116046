"""Django's ``db`` engine, with a table that the site under test does not have."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession

__all__ = ["PlainSession", "SessionStore"]


class PlainSession(AbstractBaseSession):
    """As ``django.contrib.sessions.models.Session``."""

    class Meta(AbstractBaseSession.Meta):
        app_label = "races"
        db_table = "races_plain_session"


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> Any:
        return PlainSession
