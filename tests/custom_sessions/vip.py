from __future__ import annotations

from session_backend.backends import cached_db
from tests.custom_sessions.models import VipSession

__all__ = ["SessionStore"]


class SessionStore(cached_db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[VipSession]:
        return VipSession
