"""A session that is ended by somebody else, and what the one who uses it still may do."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.base import UpdateError

from tests.session_backend.backends.behaviours.base import Behaviour

__all__ = ["RevocationBehaviour"]


class RevocationBehaviour(Behaviour):
    def test_cycle_key_keeps_the_row(self) -> None:
        store = self.saved()
        self.model.objects.update(city="Linköping")
        store.cycle_key()
        assert self.model.objects.count() == 1
        assert self.row(store).city == "Linköping"

    def test_cycle_key_of_a_revoked_session_goes_on_with_an_empty_one(self) -> None:
        store = self.saved()
        old_key = store.session_key
        self.row(store).end()
        store.cycle_key()
        assert store.session_key not in (None, old_key)
        assert list(store.items()) == []
        assert list(self.store(store.session_key).items()) == []
        assert self.store(old_key).load() == {}
        store["colour"] = "red"
        store.save()
        assert dict(self.store(store.session_key).items()) == {"colour": "red"}

    def test_a_revoked_session_is_not_saved_under_its_key(self) -> None:
        store = self.saved()
        assert self.row(store).end() is True
        with pytest.raises(UpdateError):
            store.save()
        assert not self.model.objects.exists()

    def test_a_revoked_session_is_not_read_again(self) -> None:
        key = self.saved().session_key
        reader = self.store(key)
        assert reader["colour"] == "blue"
        self.row(reader).end()
        assert self.store(key).load() == {}

    def test_flush_of_a_revoked_session_is_no_error(self) -> None:
        store = self.saved()
        self.row(store).end()
        store.flush()
        assert store.session_key is None
