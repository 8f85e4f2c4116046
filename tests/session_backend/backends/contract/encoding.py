"""Encoding of session data, and what happens to data that cannot be decoded."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.core.signing import TimestampSigner

from tests.session_backend.backends.contract.base import BaseStoreTests

__all__ = ["EncodingTests"]

LOGGER = "django.security.SuspiciousSession"


class EncodingTests(BaseStoreTests):
    def test_encode_and_decode(self) -> None:
        store = self.store()
        assert store.decode(store.encode({"a key": "a value"})) == {"a key": "a value"}

    def test_decode_data_of_django_engine(self) -> None:
        legacy = type("SessionStore", (SessionBase,), {})()
        assert self.store().decode(legacy.encode({"a": 1})) == {"a": 1}

    @pytest.mark.parametrize("text", ["", "bad:encoded:value", "Zmxhc2tkajphbGtkamY=", "\x00"])
    def test_decode_failure_logged(self, text: str, caplog: pytest.LogCaptureFixture) -> None:
        assert self.store().decode(text) == {}
        assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
            (LOGGER, "WARNING", "Session data corrupted")
        ]

    def test_decode_unserializable_data(self) -> None:
        store = self.store()
        assert store.decode(TimestampSigner(salt=store.key_salt).sign("no data")) == {}

    def test_corrupted_row_loads_empty(self, caplog: pytest.LogCaptureFixture) -> None:
        key = self.saved().session_key
        self.model.objects.update(session_data="bad:encoded:value")
        cache.clear()
        store = self.store(key)
        assert list(store.items()) == []
        assert LOGGER in {record.name for record in caplog.records}
        store["colour"] = "green"
        store.save()
        assert store.session_key == key
        assert self.data(key) == {"colour": "green"}
