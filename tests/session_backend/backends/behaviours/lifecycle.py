"""A session from its first save to its end."""

from __future__ import annotations

import string
from datetime import timedelta

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.utils import timezone

from tests.session_backend.backends.behaviours.base import Behaviour
from tests.session_backend.budget import statements

__all__ = ["LifecycleBehaviour"]


class LifecycleBehaviour(Behaviour):
    def test_a_saved_session_exists_and_is_read_by_its_key(self) -> None:
        store = self.saved()
        assert len(store.session_key) == 32
        assert store.exists(store.session_key) is True
        assert dict(self.store(store.session_key).items()) == {"colour": "blue"}

    def test_an_empty_session_can_be_saved(self) -> None:
        store = self.store()
        store.save()
        assert store.exists(store.session_key) is True
        assert list(self.store(store.session_key).items()) == []

    def test_create_saves_what_there_is_under_a_new_key(self) -> None:
        store = self.saved()
        old_key = store.session_key
        store.create()
        assert store.session_key != old_key
        assert store.modified
        assert dict(self.store(store.session_key).items()) == {"colour": "blue"}
        assert store.exists(old_key) is True

    def test_saving_keeps_the_data_at_hand(self) -> None:
        store = self.saved()
        assert store["colour"] == "blue"

    def test_what_was_saved_last_is_read(self) -> None:
        store = self.saved()
        for colour in ("red", "green"):
            store["colour"] = colour
            store.save()
            assert self.store(store.session_key)["colour"] == colour

    def test_two_saves_in_a_row_leave_the_later_one(self) -> None:
        key = self.saved().session_key
        one, other = self.store(key), self.store(key)
        one["colour"], other["colour"] = "red", "green"
        one.save()
        other.save()
        assert self.store(key)["colour"] == "green"

    def test_it_is_deleted_by_its_key(self) -> None:
        store = self.saved()
        self.store().delete(store.session_key)
        assert store.exists(store.session_key) is False
        assert list(self.store(store.session_key).items()) == []

    def test_it_deletes_itself(self) -> None:
        store = self.saved()
        store.delete()
        assert store.exists(store.session_key) is False

    def test_deleting_nothing_is_no_error(self) -> None:
        other = self.saved()
        self.store().delete()
        self.store("a-key-nobody-has").delete()
        assert other.exists(other.session_key) is True

    def test_flush_ends_it_and_forgets_the_key(self) -> None:
        store = self.saved()
        old_key = store.session_key
        store.modified = store.accessed = False
        store.flush()
        assert store.exists(old_key) is False
        assert store.session_key is None
        assert store.modified
        assert store.accessed
        assert list(store.items()) == []

    def test_cycle_key_keeps_the_data_and_ends_the_old_key(self) -> None:
        store = self.saved({"colour": "blue", "size": 3})
        old_key, before = store.session_key, dict(store.items())
        store.cycle_key()
        assert store.session_key != old_key
        assert dict(store.items()) == dict(self.store(store.session_key).items()) == before
        assert store.exists(old_key) is False
        assert list(self.store(old_key).items()) == []

    def test_cycle_key_of_a_session_that_was_not_read_yet(self) -> None:
        store = self.store(self.saved().session_key)
        store.cycle_key()
        assert store.modified
        assert dict(store.items()) == {"colour": "blue"}

    def test_cycle_key_without_a_session_makes_one(self) -> None:
        store = self.store()
        store["colour"] = "blue"
        store.cycle_key()
        assert dict(self.store(store.session_key).items()) == {"colour": "blue"}

    def test_a_key_that_is_too_short_is_none(self) -> None:
        store = self.store("1")
        store.save()
        assert store.session_key != "1"
        assert store.get("colour") is None
        for short in ("", "1234567"):
            store._session_key = short
            assert store.session_key is None
        store._session_key = "12345678"
        assert store.session_key == "12345678"

    def test_the_key_is_read_only(self) -> None:
        store = self.saved()
        with pytest.raises(AttributeError):
            store.session_key = "another-key"

    def test_reading_an_unknown_key_makes_no_session_and_does_not_take_the_key(self) -> None:
        store = self.store("a-key-nobody-has")
        assert store.load() == {}
        assert store.session_key is None
        assert store.exists(store.session_key) is False
        assert not self.model.objects.exists()

    def test_without_a_key_nothing_is_asked(self) -> None:
        store = self.store()
        with statements(self.model) as sent:
            assert store.load() == {}
        assert sent == []
        assert store.session_key is None

    def test_an_unknown_key_that_is_used_is_replaced(self) -> None:
        store = self.store("a-key-nobody-has")
        store["colour"] = "blue"
        store.save()
        assert store.exists("a-key-nobody-has") is False
        assert dict(self.store(store.session_key).items()) == {"colour": "blue"}

    def test_an_overlong_key_is_unknown(self) -> None:
        store = self.store((string.ascii_letters + string.digits) * 200)
        assert store.load() == {}
        assert store.session_key is None

    def test_a_session_that_was_ended_elsewhere_is_not_brought_back(self) -> None:
        store = self.saved()
        key = store.session_key
        self.store(key).delete()
        store["colour"] = "red"
        with pytest.raises(UpdateError):
            store.save()
        assert store.load() == {}
        assert self.store(key).load() == {}

    def test_must_create_takes_no_key_that_is_taken(self) -> None:
        taken = self.saved()
        store = self.store(taken.session_key)
        store._session_cache = {"colour": "red"}
        with pytest.raises(CreateError):
            store.save(must_create=True)
        assert dict(self.store(taken.session_key).items()) == {"colour": "blue"}

    def test_must_create_takes_a_key_of_the_callers_own(self) -> None:
        store = self.store("a-key-nobody-has")
        store.save(must_create=True)
        assert store.session_key == "a-key-nobody-has"
        assert store.exists("a-key-nobody-has") is True

    def test_an_expired_session_is_not_read(self) -> None:
        store = self.store()
        store["colour"] = "blue"
        store.set_expiry(-timedelta(seconds=10))
        store.save()
        assert "colour" not in self.store(store.session_key)

    def test_clear_expired_leaves_the_live_ones(self) -> None:
        live, expired = self.saved(), self.saved()
        expired.set_expiry(-3600)
        expired.save()
        assert self.model.objects.count() == 2
        live.clear_expired()
        assert live.exists(live.session_key) is True
        assert expired.exists(expired.session_key) is False

    def test_the_dates_of_the_row_are_those_of_the_save(self) -> None:
        store = self.saved()
        before = timezone.now()
        store.set_expiry(100)
        store.save()
        row = self.row(store)
        assert row.created_at <= before <= row.updated_at <= timezone.now()
        assert row.expire_date == row.updated_at + timedelta(seconds=100)
