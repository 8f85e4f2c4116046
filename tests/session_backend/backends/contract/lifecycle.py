"""A session from its first save to its deletion."""

from __future__ import annotations

import string
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.utils import timezone

from tests.session_backend.backends.contract.base import BaseStoreTests
from tests.session_backend.budget import statements

__all__ = ["LifecycleTests"]


class LifecycleTests(BaseStoreTests):
    def test_save_and_load(self) -> None:
        store = self.saved()
        assert len(store.session_key) == 32
        assert store.exists(store.session_key) is True
        assert store["colour"] == "blue"
        assert self.data(store.session_key) == {"colour": "blue"}

    def test_save_empty_session(self) -> None:
        store = self.store()
        store.save()
        assert store.exists(store.session_key) is True
        assert self.data(store.session_key) == {}

    def test_create_copies_data_to_new_key(self) -> None:
        store = self.saved()
        old_key = store.session_key
        store.create()
        assert store.session_key != old_key
        assert store.modified
        assert self.data(store.session_key) == {"colour": "blue"}
        assert store.exists(old_key) is True

    def test_last_save_wins(self) -> None:
        key = self.saved().session_key
        one, other = self.store(key), self.store(key)
        one["colour"], other["colour"] = "red", "green"
        for store in (one, other, one):
            store.save()
            assert self.data(key) == dict(store.items())

    def test_delete(self) -> None:
        one, other = self.saved(), self.saved()
        one.delete()
        self.store().delete(other.session_key)
        for store in (one, other):
            assert store.exists(store.session_key) is False
            assert self.data(store.session_key) == {}

    @pytest.mark.parametrize("args", [(), (None,), ("unknown-key",), (12345678,), (b"12345678",)])
    def test_delete_unknown_key(self, args: tuple[Any, ...]) -> None:
        other = self.saved()
        self.store().delete(*args)
        assert other.exists(other.session_key) is True

    def test_flush(self) -> None:
        store = self.saved()
        old_key = store.session_key
        store.modified = store.accessed = False
        store.flush()
        assert store.exists(old_key) is False
        assert store.session_key is None
        assert store.modified
        assert store.accessed
        assert list(store.items()) == []

    def test_cycle_key(self) -> None:
        store = self.saved({"colour": "blue", "size": 3})
        old_key, before = store.session_key, dict(store.items())
        store.cycle_key()
        assert store.session_key != old_key
        assert dict(store.items()) == self.data(store.session_key) == before
        assert store.exists(old_key) is False
        assert self.data(old_key) == {}

    def test_cycle_key_saves_changes(self) -> None:
        store = self.saved({"colour": "blue"})
        store["colour"] = "red"
        store.cycle_key()
        assert self.store(store.session_key)["colour"] == "red"
        store["colour"] = "green"
        store.save()
        assert self.store(store.session_key)["colour"] == "green"

    def test_cycle_key_before_load(self) -> None:
        store = self.store(self.saved().session_key)
        store.cycle_key()
        assert store.modified
        assert dict(store.items()) == {"colour": "blue"}

    def test_cycle_key_without_key(self) -> None:
        store = self.store()
        store["colour"] = "blue"
        store.cycle_key()
        assert self.data(store.session_key) == {"colour": "blue"}

    def test_cycle_key_and_save_keep_row(self) -> None:
        store = self.saved()
        self.model.objects.update(city="Linköping")
        public_id = self.row(store).public_id
        store.cycle_key()
        assert self.model.objects.count() == 1
        assert self.row(store).city == "Linköping"
        store["colour"] = "red"
        store.save()
        assert self.row(store).public_id == public_id
        assert self.row(self.saved()).public_id != public_id

    def test_short_key_replaced(self) -> None:
        store = self.store("1")
        store.save()
        assert store.session_key != "1"
        assert store.get("colour") is None
        for short in ("", "1234567"):
            store._session_key = short
            assert store.session_key is None
        store._session_key = "12345678"
        assert store.session_key == "12345678"

    def test_session_key_is_read_only(self) -> None:
        store = self.saved()
        with pytest.raises(AttributeError):
            store.session_key = "another-key"

    @pytest.mark.parametrize("key", ["unknown-key", (string.ascii_letters + string.digits) * 200])
    def test_load_unknown_key(self, key: str) -> None:
        store = self.store(key)
        assert store.load() == {}
        assert store.session_key is None
        assert store.exists(store.session_key) is False
        assert not self.model.objects.exists()

    def test_load_without_key_sends_no_query(self) -> None:
        store = self.store()
        with statements(self.model) as sent:
            assert store.load() == {}
        assert sent == []
        assert store.session_key is None

    def test_unknown_key_replaced(self) -> None:
        store = self.store("unknown-key")
        store["colour"] = "blue"
        store.save()
        assert store.exists("unknown-key") is False
        assert self.data(store.session_key) == {"colour": "blue"}

    def test_save_deleted_session_raises(self) -> None:
        store = self.saved()
        key = store.session_key
        self.store(key).delete()
        store["colour"] = "red"
        with pytest.raises(UpdateError):
            store.save()
        assert store.load() == {}
        assert self.store(key).load() == {}

    def test_must_create_with_taken_key_raises(self) -> None:
        taken = self.saved()
        store = self.store(taken.session_key)
        store._session_cache = {"colour": "red"}
        with pytest.raises(CreateError):
            store.save(must_create=True)
        assert self.data(taken.session_key) == {"colour": "blue"}

    def test_must_create_with_chosen_key(self) -> None:
        store = self.store("chosen-key")
        store.save(must_create=True)
        assert store.session_key == "chosen-key"
        assert store.exists("chosen-key") is True

    def test_expired_session_not_loaded(self) -> None:
        store = self.store()
        store["colour"] = "blue"
        store.set_expiry(-timedelta(seconds=10))
        store.save()
        assert "colour" not in self.store(store.session_key)

    def test_clear_expired(self) -> None:
        live, expired = self.saved(), self.saved()
        expired.set_expiry(-3600)
        expired.save()
        assert self.model.objects.count() == 2
        live.clear_expired()
        assert live.exists(live.session_key) is True
        assert expired.exists(expired.session_key) is False

    def test_dates(self) -> None:
        store = self.saved()
        before = timezone.now()
        store.set_expiry(100)
        store.save()
        row = self.row(store)
        assert row.created_at <= before <= row.updated_at <= timezone.now()
        assert row.expire_date == row.updated_at + timedelta(seconds=100)
