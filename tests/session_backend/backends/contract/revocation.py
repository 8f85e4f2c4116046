"""A session that is revoked while a request uses it."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.base import UpdateError

from tests.session_backend.backends.contract.base import BaseStoreTests

__all__ = ["RevocationTests"]


class RevocationTests(BaseStoreTests):
    @pytest.mark.parametrize("is_modified", [True, False])
    def test_cycle_key_of_revoked_session_creates_empty_session(self, is_modified: bool) -> None:
        store = self.store(self.saved().session_key)
        old_key = store.session_key
        assert store["colour"] == "blue"
        if is_modified:
            store["colour"] = "red"
        self.row(store).revoke()
        store.cycle_key()
        assert store.session_key not in (None, old_key)
        assert list(store.items()) == []
        assert self.data(store.session_key) == {}
        assert self.store(old_key).load() == {}
        store["colour"] = "red"
        store.save()
        assert self.data(store.session_key) == {"colour": "red"}

    def test_save_revoked_session_raises(self) -> None:
        store = self.saved()
        assert self.row(store).revoke() is True
        with pytest.raises(UpdateError):
            store.save()
        assert not self.model.objects.exists()

    def test_revoked_session_not_loaded(self) -> None:
        key = self.saved().session_key
        reader = self.store(key)
        assert reader["colour"] == "blue"
        self.row(reader).revoke()
        assert self.store(key).load() == {}

    def test_flush_revoked_session(self) -> None:
        store = self.saved()
        self.row(store).revoke()
        store.flush()
        assert store.session_key is None
