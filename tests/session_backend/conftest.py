from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache

from session_backend.signals import session_started
from tests.session_backend.caches import RECORDING, RecordingCache

if TYPE_CHECKING:
    from pytest_django import Settings

pytest.register_assert_rewrite("tests.session_backend.backends.contract")


@pytest.fixture
def recording(settings: Settings) -> type[RecordingCache]:
    """Use an empty cache that records commands."""
    settings.CACHES = RECORDING
    cache.clear()
    RecordingCache.calls.clear()
    return RecordingCache


@pytest.fixture
def no_history(settings: Settings) -> None:
    """Keep no past sessions, which cost a statement where sessions end and where they begin."""
    settings.SESSION_BACKEND_HISTORY_DAYS = 0


@pytest.fixture
def site(settings: Settings) -> None:
    """Use the URLs of tests/session_backend/site.py."""
    settings.ROOT_URLCONF = "tests.session_backend.site"
    settings.LOGIN_REDIRECT_URL = "/"


@pytest.fixture
def news() -> Iterator[list[bool]]:
    """Collect, for each sign-in, whether its device is new."""
    answers: list[bool] = []

    def receiver(is_new: bool, **kwargs: Any) -> None:
        answers.append(is_new)

    session_started.connect(receiver)
    yield answers
    session_started.disconnect(receiver)
