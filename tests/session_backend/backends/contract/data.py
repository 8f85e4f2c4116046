"""A session as a dictionary, with its ``accessed`` and ``modified`` flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.session_backend.backends.contract.base import BaseStoreTests

__all__ = ["DataTests"]


def flags(store: Any) -> tuple[bool, bool]:
    return store.accessed, store.modified


class DataTests(BaseStoreTests):
    def unflagged(self) -> Any:
        """Return a saved session with both flags off."""
        store = self.saved()
        store.accessed = store.modified = False
        return store

    def test_new_session(self) -> None:
        store = self.store()
        assert flags(store) == (False, False)
        assert store.is_empty()
        assert store.session_key is None
        assert list(store.values()) == []
        assert store.accessed

    def test_get_default(self) -> None:
        store = self.store()
        assert store.get("colour") is None
        assert store.get("colour", "red") == "red"
        assert flags(store) == (True, False)

    def test_set_and_get(self) -> None:
        store = self.store()
        store["colour"] = "blue"
        assert flags(store) == (True, True)
        assert store.get("colour") == store["colour"] == "blue"

    def test_pop(self) -> None:
        store = self.unflagged()
        assert store.pop("colour") == "blue"
        assert flags(store) == (True, True)
        assert store.get("colour") is None

    def test_pop_missing(self) -> None:
        store = self.store()
        assert store.pop("colour", "red") == store.pop("colour", default="red") == "red"
        assert store.pop("colour", None) is None
        assert flags(store) == (True, False)
        with pytest.raises(KeyError):
            store.pop("colour")

    def test_setdefault(self) -> None:
        store = self.store()
        assert store.setdefault("colour", "blue") == "blue"
        assert flags(store) == (True, True)
        store.modified = False
        assert store.setdefault("colour", "red") == "blue"
        assert not store.modified

    def test_update(self) -> None:
        store = self.store()
        store.update({"colour": "blue", "size": 3})
        assert flags(store) == (True, True)
        assert dict(store.items()) == {"colour": "blue", "size": 3}

    def test_reading_does_not_modify(self) -> None:
        store = self.unflagged()
        reads: dict[str, Callable[[], bool]] = {
            "has_key": lambda: store.has_key("colour") is True,
            "in": lambda: "colour" in store and "size" not in store,
            "keys": lambda: list(store.keys()) == ["colour"],
            "values": lambda: list(store.values()) == ["blue"],
            "items": lambda: list(store.items()) == [("colour", "blue")],
        }
        for name, read in reads.items():
            store.accessed = False
            assert read(), name
            assert flags(store) == (True, False), name

    def test_clear(self) -> None:
        store = self.unflagged()
        store.clear()
        assert list(store.items()) == []
        assert flags(store) == (True, True)

    def test_test_cookie(self) -> None:
        store = self.store()
        assert not store.test_cookie_worked()
        store.set_test_cookie()
        assert store.test_cookie_worked()
        store.delete_test_cookie()
        assert not store.test_cookie_worked()

    def test_delitem(self) -> None:
        # The operator has no async counterpart.
        store = self.unflagged()
        store = getattr(store, "store", store)
        del store["colour"]
        assert store.modified
        assert "colour" not in store
