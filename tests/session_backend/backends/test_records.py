from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from session_backend.backends.records import SessionRecord
from session_backend.client import UNKNOWN, Client

if TYPE_CHECKING:
    from pytest_django import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
HOME = Client("192.0.2.1", "a browser")
OFFICE = Client("198.51.100.1", "another browser")


def record(last_activity: datetime, client: Client) -> SessionRecord:
    return SessionRecord({}, last_activity, *client, None, NOW, NOW, None)


@pytest.mark.parametrize(("age", "seconds"), [(0, 60), (59, 1), (60, 0), (90, -30), (-10, 70)])
def test_seconds_until_touch(age: int, seconds: int) -> None:
    assert record(NOW - timedelta(seconds=age), HOME).seconds_until_touch(NOW) == seconds


def test_seconds_until_touch_setting(settings: Settings) -> None:
    settings.SESSION_BACKEND_ACTIVITY_INTERVAL = 5
    assert record(NOW, HOME).seconds_until_touch(NOW) == 5


def test_touched() -> None:
    later = NOW + timedelta(hours=1)
    assert record(NOW, HOME).touched(later, OFFICE) == record(later, OFFICE)
    assert record(NOW, HOME).touched(later, UNKNOWN) == record(later, HOME)


def test_lacks_client(settings: Settings) -> None:
    assert record(NOW, UNKNOWN).lacks_client
    assert not record(NOW, HOME).lacks_client
    assert not record(NOW, Client(None, "a browser")).lacks_client
    settings.SESSION_BACKEND_STORE_USER_AGENT = False
    assert record(NOW, UNKNOWN).lacks_client
    settings.SESSION_BACKEND_STORE_IP = "off"
    assert not record(NOW, UNKNOWN).lacks_client
