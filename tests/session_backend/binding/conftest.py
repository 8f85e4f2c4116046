from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from tests.session_backend.binding.browser import AsyncBoundBrowser, BoundBrowser

if TYPE_CHECKING:
    from pytest_django import Settings

AnyBrowser = BoundBrowser | AsyncBoundBrowser


@pytest.fixture
def offer(settings: Settings) -> None:
    """Have sessions bound to their devices, by browsers that can."""
    settings.SESSION_BACKEND_BINDING = "offer"


@pytest.fixture(params=["wsgi", "asgi"])
def browser(request: pytest.FixtureRequest) -> AnyBrowser:
    return AsyncBoundBrowser() if request.param == "asgi" else BoundBrowser()


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass."""
    now, passed = timezone.now, 0.0

    def later() -> datetime:
        return now() + timedelta(seconds=passed)

    def wait(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(timezone, "now", later)
    return wait


Wait = Callable[[float], None]
__all__ = ["AnyBrowser", "Wait"]
