from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from tests.session_backend.backends.contract.base import BaseStoreTests

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["ExpiryTests"]


class ExpiryTests(BaseStoreTests):
    def test_default_expiry(self, settings: Settings) -> None:
        settings.SESSION_COOKIE_AGE = 1000
        store = self.store()
        assert store.get_expiry_age() == 1000
        # 0 expires the cookie with the browser; the row still needs a date.
        store.set_expiry(0)
        assert store.get_expiry_age() == 1000
        now = timezone.now()
        assert store.get_expiry_date(modification=now) == now + timedelta(seconds=1000)

    @pytest.mark.parametrize("form", ["seconds", "timedelta", "datetime"])
    def test_custom_expiry(self, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
        now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: now)
        values: dict[str, Any] = {
            "seconds": 10,
            "timedelta": timedelta(seconds=10),
            "datetime": now + timedelta(seconds=10),
        }
        store = self.store()
        store.set_expiry(values[form])
        assert store.get_expiry_date(modification=now) == now + timedelta(seconds=10)
        assert store.get_expiry_age(modification=now) == 10

    def test_given_expiry_does_not_access_session(self) -> None:
        now = timezone.now()
        store = self.store()
        assert store.get_expiry_age(modification=now, expiry=10) == 10
        assert store.get_expiry_date(modification=now, expiry=10) == now + timedelta(seconds=10)
        assert not store.accessed

    def test_set_expiry_none_restores_default(self, settings: Settings) -> None:
        store = self.store()
        store.set_expiry(None)
        store.set_expiry(10)
        store.set_expiry(None)
        assert store.get_expiry_age() == settings.SESSION_COOKIE_AGE

    def test_expiry_date_is_serialized(self) -> None:
        end = timezone.now() + timedelta(hours=1)
        store = self.store()
        store.set_expiry(end)
        store.save()
        assert self.row(store).expire_date == end
        assert self.store(store.session_key).get_expiry_date() == end

    def test_expire_at_browser_close(self, settings: Settings) -> None:
        store = self.store()
        for default in (False, True):
            settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = default
            for value, expected in ((10, False), (0, True), (None, default)):
                store.set_expiry(value)
                assert store.get_expire_at_browser_close() is expected
