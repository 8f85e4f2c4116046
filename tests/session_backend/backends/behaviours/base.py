"""What the behaviours are written with: stores of one engine, called in one of two ways."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from session_backend.fields import Digest
from session_backend.models import AbstractSession
from tests.browsers import make_user
from tests.session_backend.backends.twins import Twin

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["Behaviour", "signed_in"]


def signed_in(user: Any) -> dict[str, str]:
    """Return what Django's ``login()`` writes into a session."""
    return {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }


class Behaviour:
    engine: ClassVar[str]
    asynchronous: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def _engine(self, settings: Settings, transactional_db: None) -> None:
        settings.SESSION_ENGINE = self.engine

    def store(self, key: str | None = None, **client: Any) -> Any:
        store = import_module(self.engine).SessionStore(key, **client)
        return Twin(store) if self.asynchronous else store

    def saved(self, data: dict[str, Any] | None = None, **client: Any) -> Any:
        """Return a store that has been saved with some data."""
        store = self.store(**client)
        store.update(data or {"colour": "blue"})
        store.save()
        return store

    @property
    def model(self) -> type[AbstractSession]:
        model: type[AbstractSession] = import_module(self.engine).SessionStore.get_model_class()
        return model

    def row(self, store: Any) -> Any:
        return self.model.objects.get(pk=Digest.of(store.session_key))

    def user(self) -> Any:
        return make_user("alice")
