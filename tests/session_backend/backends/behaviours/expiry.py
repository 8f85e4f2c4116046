"""When a session expires."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from tests.session_backend.backends.behaviours.base import Behaviour

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["ExpiryBehaviour"]


class ExpiryBehaviour(Behaviour):
    def test_it_lives_as_long_as_the_setting_says(self, settings: Settings) -> None:
        settings.SESSION_COOKIE_AGE = 1000
        store = self.store()
        assert store.get_expiry_age() == 1000
        # 0 is "until the browser closes": the row needs an age all the same.
        store.set_expiry(0)
        assert store.get_expiry_age() == 1000
        now = timezone.now()
        assert store.get_expiry_date(modification=now) == now + timedelta(seconds=1000)

    @pytest.mark.parametrize("form", ["seconds", "timedelta", "datetime"])
    def test_it_lives_as_long_as_it_was_told(
        self, form: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: now)
        lifetimes: dict[str, Any] = {
            "seconds": 10,
            "timedelta": timedelta(seconds=10),
            "datetime": now + timedelta(seconds=10),
        }
        store = self.store()
        store.set_expiry(lifetimes[form])
        assert store.get_expiry_date(modification=now) == now + timedelta(seconds=10)
        assert store.get_expiry_age(modification=now) == 10

    def test_an_expiry_that_is_given_is_not_looked_up(self) -> None:
        now = timezone.now()
        store = self.store()
        assert store.get_expiry_age(modification=now, expiry=10) == 10
        assert store.get_expiry_date(modification=now, expiry=10) == now + timedelta(seconds=10)
        assert not store.accessed

    def test_none_takes_an_expiry_back(self, settings: Settings) -> None:
        store = self.store()
        store.set_expiry(None)
        store.set_expiry(10)
        store.set_expiry(None)
        assert store.get_expiry_age() == settings.SESSION_COOKIE_AGE

    def test_a_date_survives_the_serializer(self) -> None:
        end = timezone.now() + timedelta(hours=1)
        store = self.store()
        store.set_expiry(end)
        store.save()
        assert self.row(store).expire_date == end
        assert self.store(store.session_key).get_expiry_date() == end

    def test_whether_it_ends_with_the_browser(self, settings: Settings) -> None:
        store = self.store()
        for default in (False, True):
            settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = default
            store.set_expiry(10)
            assert store.get_expire_at_browser_close() is False
            store.set_expiry(0)
            assert store.get_expire_at_browser_close() is True
            store.set_expiry(None)
            assert store.get_expire_at_browser_close() is default
