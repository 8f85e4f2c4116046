from __future__ import annotations

from typing import Any

from session_backend.backends import cached_db
from tests.custom_sessions.models import ShopSession

__all__ = ["SessionStore"]


class SessionStore(cached_db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[ShopSession]:
        return ShopSession

    def create_model_instance(self, data: dict[str, Any]) -> ShopSession:
        row = super().create_model_instance(data)
        assert isinstance(row, ShopSession)
        row.shop = data.get("shop")
        return row
