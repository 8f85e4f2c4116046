"""Our counterpart of Django's ``sessions_tests.models``: a session model with one more column."""

from __future__ import annotations

from typing import Any

from django.db import models

from session_backend.backends import db
from session_backend.models import AbstractSession

__all__ = ["AccountSession", "SessionStore"]


class AccountSession(AbstractSession):
    account_id = models.IntegerField(null=True, db_index=True)

    @classmethod
    def get_session_store_class(cls) -> type[db.SessionStore]:
        return SessionStore


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[AccountSession]:
        return AccountSession

    def create_model_instance(self, data: dict[str, Any]) -> AccountSession:
        row = super().create_model_instance(data)
        assert isinstance(row, AccountSession)
        row.account_id = data.get("_auth_user_id")
        return row

    def get_session_cookie_age(self) -> int:
        return 60 * 60 * 24
