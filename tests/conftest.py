from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from session_backend.backends import copies
from tests.browsers import LAPTOP, PHONE, Browser, make_user


@pytest.fixture(autouse=True)
def _working_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start with a cache that is empty, and of which no failure is remembered."""
    cache.clear()
    monkeypatch.setattr(copies, "outage", copies.Outage())


@pytest.fixture
def alice(db: None) -> Any:
    return make_user("alice")


@pytest.fixture
def laptop() -> Browser:
    return Browser(LAPTOP)


@pytest.fixture
def phone() -> Browser:
    return Browser(PHONE)
