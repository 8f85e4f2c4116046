from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.http import HttpRequest

from session_backend.backends import cached_db, db
from session_backend.conf import conf

if TYPE_CHECKING:
    from pytest_django import Settings


def test_the_defaults() -> None:
    assert conf.activity_interval == 60
    assert conf.trusted_proxies == []
    assert conf.store_ip == "full"
    assert conf.store_user_agent is True
    assert conf.retention_days is None
    assert conf.legacy_engine is None
    assert conf.background_views == []
    assert conf.history_days == 30
    assert conf.device_cookie == "device"
    assert conf.client_hints is False
    assert conf.impersonator is None


def test_settings_are_read_late(settings: Settings) -> None:
    settings.SESSION_BACKEND_ACTIVITY_INTERVAL = "5"
    settings.SESSION_BACKEND_TRUSTED_PROXIES = 2
    settings.SESSION_BACKEND_STORE_IP = "off"
    settings.SESSION_BACKEND_STORE_USER_AGENT = False
    settings.SESSION_BACKEND_RETENTION_DAYS = 90
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.db"
    settings.SESSION_BACKEND_BACKGROUND_VIEWS = ["/admin/count/"]
    assert conf.activity_interval == 5
    assert conf.trusted_proxies == 2
    assert conf.store_ip == "off"
    assert conf.store_user_agent is False
    assert conf.retention_days == 90
    assert conf.legacy_engine == "django.contrib.sessions.backends.db"
    assert conf.background_views == ["/admin/count/"]
    settings.SESSION_BACKEND_HISTORY_DAYS = 7
    settings.SESSION_BACKEND_DEVICE_COOKIE = "known"
    settings.SESSION_BACKEND_IMPERSONATOR = f"{__name__}.nobody"
    assert conf.history_days == 7
    assert conf.device_cookie == "known"
    assert conf.impersonator is nobody


def nobody(request: HttpRequest) -> None:
    return None


@pytest.mark.parametrize("name", [None, "", 7, "a b", "a;b", "path", "é", "sessionid", "csrftoken"])
def test_an_invalid_name_is_no_device_cookie(settings: Settings, name: Any) -> None:
    settings.SESSION_BACKEND_DEVICE_COOKIE = name
    assert conf.device_cookie is None


@pytest.mark.parametrize(
    ("asked", "stored", "expected"),
    [(True, True, True), (True, False, False), (False, True, False), ("False", True, False)],
)
def test_hints_only_where_user_agents_are_stored(
    settings: Settings, asked: Any, stored: bool, expected: bool
) -> None:
    settings.SESSION_BACKEND_CLIENT_HINTS = asked
    settings.SESSION_BACKEND_STORE_USER_AGENT = stored
    assert conf.client_hints is expected


@pytest.mark.parametrize("days", [-1, None, "soon"])
def test_an_invalid_number_of_days(settings: Settings, days: Any) -> None:
    settings.SESSION_BACKEND_HISTORY_DAYS = days
    assert conf.history_days == (0 if days == -1 else 30)


@pytest.mark.parametrize("value", [timedelta(minutes=1), "a minute", None, float("inf")])
def test_an_invalid_interval_is_the_default(settings: Settings, value: Any) -> None:
    settings.SESSION_BACKEND_ACTIVITY_INTERVAL = value
    assert conf.activity_interval == 60


@pytest.mark.parametrize("value", ["/admin/", None, 7, ["/admin/", 7], [""]])
def test_invalid_background_views_are_ignored(settings: Settings, value: Any) -> None:
    """A string is a sequence too, and "/" would make every request a background request."""
    settings.SESSION_BACKEND_BACKGROUND_VIEWS = value
    assert conf.background_views == []


@pytest.mark.parametrize("module", [db, cached_db])
def test_the_session_store(module: Any, settings: Settings) -> None:
    settings.SESSION_ENGINE = module.__name__
    assert conf.session_store is module.SessionStore
