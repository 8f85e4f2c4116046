"""A session as a dictionary that knows whether it was read and whether it was changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.session_backend.backends.behaviours.base import Behaviour

__all__ = ["DataBehaviour"]


def untouched(store: Any) -> Any:
    store.accessed = store.modified = False
    return store


class DataBehaviour(Behaviour):
    def test_a_new_session_is_untouched(self) -> None:
        store = self.store()
        assert not store.accessed
        assert not store.modified
        assert store.is_empty()
        assert store.session_key is None

    def test_what_is_missing_is_none_or_the_default(self) -> None:
        store = self.store()
        assert store.get("colour") is None
        assert store.get("colour", "red") == "red"
        assert store.accessed
        assert not store.modified

    def test_a_value_is_set_and_got(self) -> None:
        store = self.store()
        store["colour"] = "blue"
        assert store.modified
        assert store.accessed
        assert store.get("colour") == store["colour"] == "blue"

    def test_a_value_is_popped(self) -> None:
        store = untouched(self.saved())
        assert store.pop("colour") == "blue"
        assert store.accessed
        assert store.modified
        assert store.get("colour") is None

    def test_popping_what_is_missing_gives_the_default_and_changes_nothing(self) -> None:
        store = self.store()
        assert store.pop("colour", "red") == store.pop("colour", default="red") == "red"
        assert store.pop("colour", None) is None
        assert store.accessed
        assert not store.modified

    def test_popping_what_is_missing_without_a_default_is_an_error(self) -> None:
        with pytest.raises(KeyError):
            self.store().pop("colour")

    def test_setdefault_sets_once(self) -> None:
        store = self.store()
        assert store.setdefault("colour", "blue") == "blue"
        assert store.accessed
        assert store.modified
        untouched(store)
        assert store.setdefault("colour", "red") == "blue"
        assert not store.modified

    def test_update_takes_a_dictionary(self) -> None:
        store = self.store()
        store.update({"colour": "blue", "size": 3})
        assert store.accessed
        assert store.modified
        assert dict(store.items()) == {"colour": "blue", "size": 3}

    def test_reading_is_no_change(self) -> None:
        store = self.saved()
        readers: dict[str, Callable[[], bool]] = {
            "has_key": lambda: store.has_key("colour") is True,
            "in": lambda: "colour" in store and "size" not in store,
            "keys": lambda: list(store.keys()) == ["colour"],
            "values": lambda: list(store.values()) == ["blue"],
            "items": lambda: list(store.items()) == [("colour", "blue")],
        }
        for name, reads in readers.items():
            untouched(store)
            assert reads(), name
            assert store.accessed, name
            assert not store.modified, name

    def test_an_empty_session_has_no_values(self) -> None:
        store = self.store()
        assert list(store.values()) == []
        assert store.accessed

    def test_clear_empties_it(self) -> None:
        store = untouched(self.saved())
        store.clear()
        assert list(store.items()) == []
        assert store.accessed
        assert store.modified

    def test_the_test_cookie_works_and_is_deleted(self) -> None:
        store = self.store()
        assert not store.test_cookie_worked()
        store.set_test_cookie()
        assert store.test_cookie_worked()
        store.delete_test_cookie()
        assert not store.test_cookie_worked()

    def test_deleting_a_value_is_a_change(self) -> None:
        # The operator has no async twin.
        store = untouched(getattr(self.saved(), "store", None) or self.saved())
        del store["colour"]
        assert store.modified
        assert "colour" not in store
