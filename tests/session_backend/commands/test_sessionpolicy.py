from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError

from session_backend.nist import AAL2

if TYPE_CHECKING:
    from pytest_django import Settings

Run = Callable[..., str]


def by_name(user: Any) -> int | None:
    """A limit that only some users have."""
    return 5400 if user.get_username() == "alice" else None


def rules(printed: str) -> dict[str, str]:
    """Return what was printed, a name and a rule in a line."""
    lines = (line.split("  ", 1) for line in printed.splitlines())
    return {name: rule.strip() for name, rule in lines}


@pytest.mark.usefixtures("engine")
def test_the_defaults(run: Run, settings: Settings) -> None:
    assert rules(run("sessionpolicy")) == {
        "SESSION_ENGINE": settings.SESSION_ENGINE,
        "Session key": "165 random bits; stored as a SHA-256 digest",
        "SESSION_COOKIE_NAME": "sessionid; Path=/; not Secure; HttpOnly; SameSite=Lax",
        "SESSION_COOKIE_AGE": "14 days after the last change",
        "SESSION_BACKEND_IDLE_TIMEOUT": "no limit",
        "SESSION_BACKEND_ABSOLUTE_TIMEOUT": "no limit",
        "SESSION_BACKEND_MAX_SESSIONS": "no limit",
        "SESSION_UI_REAUTHENTICATE_AFTER": "off",
        "SESSION_BACKEND_ACTIVITY_INTERVAL": "1 minute",
        "SESSION_BACKEND_BINDING": "off",
        "SESSION_BACKEND_CLEAR_SITE_DATA": "off",
        "SESSION_BACKEND_DEVICE_COOKIE": "device",
        "SESSION_BACKEND_HISTORY_DAYS": "30 days",
        "SESSION_BACKEND_RETENTION_DAYS": "until the session ends",
        "SESSION_BACKEND_STORE_IP": "full",
        "SESSION_BACKEND_STORE_USER_AGENT": "yes",
        "SESSION_BACKEND_LEGACY_ENGINE": "none",
    }


def test_a_strict_site(run: Run, settings: Settings) -> None:
    settings.SESSION_COOKIE_NAME = "__Host-session"
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_SAMESITE = "Strict"
    settings.SESSION_COOKIE_AGE = 1
    settings.SESSION_SAVE_EVERY_REQUEST = True
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    settings.SESSION_BACKEND_IDLE_TIMEOUT = AAL2.idle_timeout
    settings.SESSION_BACKEND_ABSOLUTE_TIMEOUT = AAL2.absolute_timeout
    settings.SESSION_BACKEND_MAX_SESSIONS = 3
    settings.SESSION_UI_REAUTHENTICATE_AFTER = 600
    settings.SESSION_BACKEND_CLEAR_SITE_DATA = ("storage", "cache")
    settings.SESSION_BACKEND_DEVICE_COOKIE = None
    settings.SESSION_BACKEND_HISTORY_DAYS = 0
    settings.SESSION_BACKEND_RETENTION_DAYS = 1
    settings.SESSION_BACKEND_STORE_IP = "truncated"
    settings.SESSION_BACKEND_STORE_USER_AGENT = False
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.cache"
    printed = rules(run("sessionpolicy"))
    cookie = "__Host-session; Path=/; Secure; HttpOnly; SameSite=Strict"
    assert printed["SESSION_COOKIE_NAME"] == cookie
    closing = "the cookie goes when the browser is closed"
    assert printed["SESSION_COOKIE_AGE"] == f"1 second after the last request; {closing}"
    assert printed["SESSION_BACKEND_IDLE_TIMEOUT"] == "1 hour"
    assert printed["SESSION_BACKEND_ABSOLUTE_TIMEOUT"] == "1 day"
    assert printed["SESSION_BACKEND_MAX_SESSIONS"] == "3 at once"
    assert printed["SESSION_UI_REAUTHENTICATE_AFTER"] == "password again after 10 minutes"
    assert printed["SESSION_BACKEND_CLEAR_SITE_DATA"] == "storage, cache"
    assert printed["SESSION_BACKEND_DEVICE_COOKIE"] == "off"
    assert printed["SESSION_BACKEND_HISTORY_DAYS"] == "no history"
    assert printed["SESSION_BACKEND_RETENTION_DAYS"] == "1 day"
    assert printed["SESSION_BACKEND_STORE_IP"] == "truncated"
    assert printed["SESSION_BACKEND_STORE_USER_AGENT"] == "no"
    assert printed["SESSION_BACKEND_LEGACY_ENGINE"] == "django.contrib.sessions.backends.cache"


def test_a_cookie_that_is_not_protected(run: Run, settings: Settings) -> None:
    settings.SESSION_COOKIE_DOMAIN = ".example.com"
    settings.SESSION_COOKIE_HTTPONLY = False
    settings.SESSION_COOKIE_SAMESITE = None
    cookie = "sessionid; Path=/; Domain=.example.com; not Secure; not HttpOnly; no SameSite"
    assert rules(run("sessionpolicy"))["SESSION_COOKIE_NAME"] == cookie


def test_limits_that_depend_on_the_user(run: Run, settings: Settings, alice: Any) -> None:
    path = f"{__name__}.by_name"
    settings.SESSION_BACKEND_IDLE_TIMEOUT = settings.SESSION_BACKEND_MAX_SESSIONS = path
    printed = rules(run("sessionpolicy"))
    assert printed["SESSION_BACKEND_IDLE_TIMEOUT"] == f"depends on the user: {path}"
    printed = rules(run("sessionpolicy", "--user", "alice"))
    assert printed["User"] == "alice"
    assert printed["SESSION_BACKEND_IDLE_TIMEOUT"] == f"90 minutes (by {path})"
    assert printed["SESSION_BACKEND_MAX_SESSIONS"] == f"5400 at once (by {path})"
    assert printed["SESSION_BACKEND_ABSOLUTE_TIMEOUT"] == "no limit"
    type(alice).objects.create_user("bob")
    printed = rules(run("sessionpolicy", "--user", "bob"))
    assert printed["SESSION_BACKEND_IDLE_TIMEOUT"] == f"no limit (by {path})"


def test_an_unknown_user(db: None, run: Run) -> None:
    with pytest.raises(CommandError, match="There is no user zoe"):
        run("sessionpolicy", "--user", "zoe")


def test_without_the_list(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.apps import apps

    monkeypatch.setattr(apps, "is_installed", lambda name: name != "session_ui")
    assert "SESSION_UI_REAUTHENTICATE_AFTER" not in run("sessionpolicy")
