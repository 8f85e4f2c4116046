from __future__ import annotations

from tests.session_backend.backends.contract import StoreContract


class TestDb(StoreContract):
    engine = "session_backend.backends.db"


class TestDbAsync(TestDb):
    asynchronous = True
