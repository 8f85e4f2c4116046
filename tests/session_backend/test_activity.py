from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from session_backend.activity import Activity
from session_backend.client import UNKNOWN, Client

if TYPE_CHECKING:
    from pytest_django import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
AT_HOME = Client("192.0.2.1", "a browser")
AT_WORK = Client("198.51.100.1", "another browser")


@pytest.mark.parametrize(("ago", "due_in"), [(0, 60), (59, 1), (60, 0), (90, -30), (-10, 70)])
def test_a_stamp_is_due_an_interval_after_the_last(ago: int, due_in: int) -> None:
    assert Activity(NOW - timedelta(seconds=ago), AT_HOME).due_in(NOW) == due_in


def test_the_interval_is_the_settings(settings: Settings) -> None:
    settings.SESSION_BACKEND_ACTIVITY_INTERVAL = 5
    assert Activity(NOW, AT_HOME).due_in(NOW) == 5


def test_who_was_seen_last_is_known() -> None:
    later = NOW + timedelta(hours=1)
    assert Activity(NOW, AT_HOME).seen(later, AT_WORK) == (later, AT_WORK)
    assert Activity(NOW, AT_HOME).seen(later, UNKNOWN) == (later, AT_HOME)


def test_a_client_that_is_missing_is_noticed(settings: Settings) -> None:
    assert Activity(NOW, UNKNOWN).is_nameless
    assert not Activity(NOW, AT_HOME).is_nameless
    assert not Activity(NOW, Client(None, "a browser")).is_nameless
    settings.SESSION_BACKEND_STORE_USER_AGENT = False
    assert Activity(NOW, UNKNOWN).is_nameless
    settings.SESSION_BACKEND_STORE_IP = "off"
    assert not Activity(NOW, UNKNOWN).is_nameless
