from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from tests.browsers import LAPTOP, PHONE, Browser, make_user

if TYPE_CHECKING:
    from pytest_django import Settings

HOME = "/read/"


@pytest.fixture(autouse=True)
def _site(settings: Settings) -> None:
    """A site with the list, the admin, and a page that says who is signed in."""
    settings.ROOT_URLCONF = "tests.session_backend.site"
    settings.LOGIN_REDIRECT_URL = HOME


class Clock:
    """The time, which a test can let pass."""

    def __init__(self) -> None:
        self.passed = timedelta()
        self._now = timezone.now

    def __call__(self) -> datetime:
        return self._now() + self.passed

    def wait(self, **duration: float) -> None:
        self.passed += timedelta(**duration)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture
def boss(db: None) -> Any:
    return make_user("boss", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(boss: Any) -> Browser:
    """The browser of an administrator."""
    return Browser(LAPTOP).sign_in(boss)


@pytest.fixture
def phone(alice: Any) -> Browser:
    """The phone of a user, who is signed in on it."""
    return Browser(PHONE).sign_in(alice)
