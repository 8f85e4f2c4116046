from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from tests.browsers import LAPTOP, PHONE, Browser, make_user


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def alice(db: None) -> Any:
    return make_user("alice")


@pytest.fixture
def laptop() -> Browser:
    return Browser(LAPTOP)


@pytest.fixture
def phone() -> Browser:
    return Browser(PHONE)
