from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache

from session_backend.backends import copies
from tests.session_backend.caches import RECORDING, RecordingCache

if TYPE_CHECKING:
    from pytest_django import Settings

pytest.register_assert_rewrite("tests.session_backend.backends.behaviours")


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the cache failures of the test before."""
    monkeypatch.setattr(copies, "outage", copies.Outage())


@pytest.fixture(params=["db", "cached_db"])
def engine(request: pytest.FixtureRequest, settings: Settings) -> str:
    """The name of the engine in use: the test runs on each."""
    settings.SESSION_ENGINE = f"session_backend.backends.{request.param}"
    return str(request.param)


@pytest.fixture
def recording(settings: Settings) -> type[RecordingCache]:
    """The cache in use, an empty one that notes what it is told."""
    settings.CACHES = RECORDING
    cache.clear()
    RecordingCache.calls.clear()
    return RecordingCache


@pytest.fixture
def site(settings: Settings) -> None:
    """The pages of tests/session_backend/site.py."""
    settings.ROOT_URLCONF = "tests.session_backend.site"
    settings.LOGIN_REDIRECT_URL = "/"
