"""Session data that is not what was written."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.core.signing import TimestampSigner

from tests.session_backend.backends.behaviours.base import Behaviour

__all__ = ["CorruptionBehaviour"]

SUSPICIOUS = "django.security.SuspiciousSession"


class CorruptionBehaviour(Behaviour):
    def test_what_is_encoded_is_decoded(self) -> None:
        store = self.store()
        assert store.decode(store.encode({"a key": "a value"})) == {"a key": "a value"}

    def test_data_of_djangos_own_engine_is_decoded(self) -> None:
        legacy = type("SessionStore", (SessionBase,), {})()
        assert self.store().decode(legacy.encode({"a": 1})) == {"a": 1}

    @pytest.mark.parametrize("text", ["", "bad:encoded:value", "Zmxhc2tkajphbGtkamY=", "\x00"])
    def test_data_without_a_good_signature_is_empty_and_logged(
        self, text: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert self.store().decode(text) == {}
        assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
            (SUSPICIOUS, "WARNING", "Session data corrupted")
        ]

    def test_signed_data_that_the_serializer_cannot_read_is_empty(self) -> None:
        store = self.store()
        assert store.decode(TimestampSigner(salt=store.key_salt).sign("no data")) == {}

    def test_a_row_with_corrupted_data_opens_empty_and_goes_on(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = self.saved().session_key
        self.model.objects.update(session_data="bad:encoded:value")
        cache.clear()
        store = self.store(key)
        assert list(store.items()) == []
        assert SUSPICIOUS in {record.name for record in caplog.records}
        store["colour"] = "green"
        store.save()
        assert store.session_key == key
        assert dict(self.store(key).items()) == {"colour": "green"}
