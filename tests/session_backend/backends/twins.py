"""The async twins of a store's methods, behind the names of the synchronous ones."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import async_to_sync

from session_backend.backends.db import SessionStore

__all__ = ["Twin"]


class Twin:
    """A store that is used as any other and awaits ``asave()`` where ``save()`` is called.

    So each behaviour is written once. What has no async twin is the store's own.
    """

    store: SessionStore

    def __init__(self, store: SessionStore) -> None:
        vars(self)["store"] = store

    def __getattr__(self, name: str) -> Any:
        twin = getattr(self.store, f"a{name}", None)
        return async_to_sync(twin) if iscoroutinefunction(twin) else getattr(self.store, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.store, name, value)

    def __contains__(self, key: str) -> bool:
        return bool(self.has_key(key))

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(key)
        return self.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        async_to_sync(self.store.aset)(key, value)

    @property
    def user_id(self) -> Any:
        return async_to_sync(self.store.auser_id)()
