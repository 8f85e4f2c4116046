from __future__ import annotations

from importlib import import_module
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from asgiref.sync import async_to_sync

from session_backend.backends.db import SessionStore
from session_backend.fields import Digest
from session_backend.models import AbstractSession
from tests.browsers import make_user

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["BaseStoreTests"]


class AsyncStore:
    """Calls the async methods of a store under their synchronous names, where there are any."""

    store: SessionStore

    def __init__(self, store: SessionStore) -> None:
        vars(self)["store"] = store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, f"a{name}", None)
        return async_to_sync(method) if iscoroutinefunction(method) else getattr(self.store, name)

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


class BaseStoreTests:
    engine: ClassVar[str]
    is_async: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def _engine(self, settings: Settings, transactional_db: None) -> None:
        settings.SESSION_ENGINE = self.engine

    def store(self, key: str | None = None, **client: Any) -> Any:
        store = import_module(self.engine).SessionStore(key, **client)
        return AsyncStore(store) if self.is_async else store

    def saved(self, data: dict[str, Any] | None = None, **client: Any) -> Any:
        """Return a store after a save."""
        store = self.store(**client)
        store.update(data or {"colour": "blue"})
        store.save()
        return store

    def data(self, key: str) -> dict[str, Any]:
        """Return the data of a session, as the next request would load it."""
        return dict(self.store(key).items())

    @property
    def model(self) -> type[AbstractSession]:
        model: type[AbstractSession] = import_module(self.engine).SessionStore.get_model_class()
        return model

    def row(self, store: Any) -> Any:
        return self.model.objects.get(pk=Digest.of(store.session_key))

    def user(self) -> Any:
        return make_user("alice")
