from __future__ import annotations

from tests.session_backend.backends.contract.store import StoreTests


class TestDb(StoreTests):
    engine = "session_backend.backends.db"


class TestDbAsync(TestDb):
    is_async = True
