from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.db import connections

from session_backend.backends import db
from session_backend.middleware import SessionMiddleware

if TYPE_CHECKING:
    from pytest_django import Settings

OURS = "session_backend.middleware.SessionMiddleware"
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"

REDIS = "django.core.cache.backends.redis.RedisCache"
DJANGO_REDIS = "django_redis.cache.RedisCache"
MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"
BOTH = "?socket_timeout=1&socket_connect_timeout=1"


class SiteMiddleware(SessionMiddleware):
    """A site's own, which does what ours does and more."""


class SiteAuthentication(AuthenticationMiddleware):
    """Another that needs the session."""


class SessionStore(db.SessionStore):
    """A site's own store; this module is its engine."""


def function_middleware(get_response: Any) -> Any:
    return get_response


class SessionsElsewhere:
    """A database router."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "sessions" if model._meta.app_label == "session_backend" else None


@pytest.fixture(autouse=True)
def _faultless(settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"
    settings.CACHES = cached_in(REDIS, {"socket_timeout": 1, "socket_connect_timeout": 1})


def cached_in(backend: str, options: dict[str, Any] | None = None, location: Any = "") -> Any:
    return {"default": {"BACKEND": backend, "OPTIONS": options or {}, "LOCATION": location}}


def found(*, deploy: bool = False) -> list[CheckMessage]:
    return run_checks(tags=["session_backend"], include_deployment_checks=deploy)


def only(number: str, *, deploy: bool = False) -> CheckMessage:
    """Return the one message, which has this number, and tells what to do."""
    (message,) = found(deploy=deploy)
    assert message.id == f"session_backend.{number}"
    assert message.is_serious() == number.startswith("E")
    assert message.hint
    return message


def test_a_site_in_order_has_no_messages(settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    assert not found(deploy=True)
    call_command("check", "--tag", "session_backend", "--deploy", "--fail-level", "WARNING")


# The engine.


@pytest.mark.parametrize("engine", ["no.such.engine", "session_backend.conf", ""])
def test_an_engine_that_cannot_be_imported(settings: Settings, engine: str) -> None:
    settings.SESSION_ENGINE = engine
    assert repr(engine) in only("E001").msg


@pytest.mark.parametrize("name", ["db", "cached_db", "cache", "file", "signed_cookies"])
def test_an_engine_of_djangos(settings: Settings, name: str) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{name}"
    assert settings.SESSION_ENGINE in only("E002").msg


def test_a_store_that_inherits_from_ours(settings: Settings) -> None:
    settings.SESSION_ENGINE = __name__
    assert not found()


# The middleware.


def test_no_session_middleware(settings: Settings) -> None:
    settings.MIDDLEWARE = ["no.such.Middleware", f"{__name__}.function_middleware"]
    assert OURS in only("E003").msg


def test_djangos_middleware_in_the_place_of_ours(settings: Settings) -> None:
    settings.MIDDLEWARE = [DJANGOS, AUTHENTICATION]
    assert OURS in (only("E004").hint or "")


def test_djangos_middleware_beside_ours(settings: Settings) -> None:
    settings.MIDDLEWARE = [OURS, DJANGOS, AUTHENTICATION]
    assert DJANGOS in only("E004").msg


@pytest.mark.parametrize("authentication", [AUTHENTICATION, f"{__name__}.SiteAuthentication"])
def test_middleware_after_authentication(settings: Settings, authentication: str) -> None:
    settings.MIDDLEWARE = [authentication, OURS]
    assert authentication in only("E005").msg


def test_middleware_that_inherits_from_ours(settings: Settings) -> None:
    settings.MIDDLEWARE = [f"{__name__}.SiteMiddleware", AUTHENTICATION]
    assert not found()


# The apps.


def test_djangos_app_beside_ours(settings: Settings) -> None:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.sessions"]
    assert "'django.contrib.sessions'" in only("W001").msg


def test_djangos_app_while_its_sessions_are_adopted(settings: Settings) -> None:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.sessions"]
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.db"
    assert not found()


@pytest.mark.parametrize(
    ("app", "number"),
    [
        ("qsessions", "W001"),
        ("user_sessions", "W001"),
        ("django_user_sessions_ng", "W001"),
        ("allauth.usersessions", "W002"),
    ],
)
def test_an_app_that_keeps_raw_keys(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app: str, number: str
) -> None:
    folder = tmp_path
    for name in app.split("."):
        folder /= name
        folder.mkdir()
        (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, app]
    assert repr(app) in only(number).msg


# The database.


def test_sessions_in_another_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {**connections.settings["default"], "NAME": "somewhere else"}
    monkeypatch.setitem(connections.settings, "sessions", there)
    settings.DATABASE_ROUTERS = [f"{__name__}.SessionsElsewhere"]
    assert "'sessions'" in only("E006").msg
    del connections["sessions"]


def test_sessions_in_the_same_database_by_another_alias(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings, "sessions", dict(connections.settings["default"]))
    settings.DATABASE_ROUTERS = [f"{__name__}.SessionsElsewhere"]
    assert not found()
    del connections["sessions"]


# This app's own settings.


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("ACTIVITY_INTERVAL", 0, "E007"),
        ("ACTIVITY_INTERVAL", -60, "E007"),
        ("ACTIVITY_INTERVAL", 0.5, "E007"),
        ("ACTIVITY_INTERVAL", "a minute", "E007"),
        ("ACTIVITY_INTERVAL", True, "E007"),
        ("ACTIVITY_INTERVAL", None, "E007"),
        ("TRUSTED_PROXIES", -1, "E008"),
        ("TRUSTED_PROXIES", "10.0.0.0/8", "E008"),
        ("TRUSTED_PROXIES", ["10.0.0.0/33"], "E008"),
        ("TRUSTED_PROXIES", ["proxy.example.com"], "E008"),
        ("STORE_IP", "none", "E009"),
        ("STORE_IP", False, "E009"),
        ("STORE_USER_AGENT", "False", "E010"),
        ("STORE_USER_AGENT", None, "E010"),
        ("RETENTION_DAYS", 0, "E011"),
        ("RETENTION_DAYS", "thirty", "E011"),
        ("RETENTION_DAYS", False, "E011"),
    ],
)
def test_a_bad_value(settings: Settings, name: str, value: Any, number: str) -> None:
    setattr(settings, f"SESSION_BACKEND_{name}", value)
    assert only(number).msg.startswith(f"SESSION_BACKEND_{name} ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACTIVITY_INTERVAL", 1),
        ("TRUSTED_PROXIES", 2),
        ("TRUSTED_PROXIES", ["10.0.0.0/8", "2001:db8::/32", "unix"]),
        ("STORE_IP", "full"),
        ("STORE_IP", "truncated"),
        ("STORE_IP", "off"),
        ("STORE_USER_AGENT", False),
        ("RETENTION_DAYS", None),
        ("RETENTION_DAYS", 90),
        ("LEGACY_ENGINE", None),
    ],
)
def test_a_good_value(settings: Settings, name: str, value: Any) -> None:
    setattr(settings, f"SESSION_BACKEND_{name}", value)
    assert not found()


def test_a_misspelt_setting(settings: Settings) -> None:
    settings.SESSION_BACKEND_STORE_IPS = "off"
    message = only("W003")
    assert "SESSION_BACKEND_STORE_IPS" in message.msg
    assert message.hint == "Do you mean SESSION_BACKEND_STORE_IP?"


def test_a_setting_like_no_other(settings: Settings) -> None:
    settings.SESSION_BACKEND_QXZ = 1
    assert "SESSION_BACKEND_QXZ" in only("W003").msg


# The legacy engine.


@pytest.mark.parametrize("engine", ["no.such.engine", "session_backend.conf", 7])
def test_a_legacy_engine_that_cannot_be_imported(settings: Settings, engine: Any) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = engine
    assert repr(engine) in only("E012").msg


@pytest.mark.parametrize(
    "engine",
    [
        "session_backend.backends.db",
        "session_backend.backends.cached_db",
        "django.contrib.sessions.backends.signed_cookies",
    ],
)
def test_a_legacy_engine_without_sessions_to_adopt(settings: Settings, engine: str) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = engine
    assert engine in only("E013").msg


def test_a_legacy_engine_whose_app_is_missing(settings: Settings) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.db"
    assert settings.SESSION_BACKEND_LEGACY_ENGINE in only("E014").msg
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.sessions"]
    assert not found()
    # Now its model has been imported.
    settings.INSTALLED_APPS = settings.INSTALLED_APPS[:-1]
    assert settings.SESSION_BACKEND_LEGACY_ENGINE in only("E014").msg


def test_a_legacy_engine_whose_import_needs_its_app(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As django-user-sessions does.
    model = "from django.db import models\n\n\nclass Session(models.Model):\n    pass\n"
    (tmp_path / "eager_engine.py").write_text(model)
    monkeypatch.syspath_prepend(tmp_path)
    settings.SESSION_BACKEND_LEGACY_ENGINE = "eager_engine"
    assert "'eager_engine'" in only("E014").msg


def test_a_legacy_engine_without_a_table(settings: Settings) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.cache"
    assert not found()


# The cache.


def test_a_cache_that_does_not_exist(settings: Settings) -> None:
    settings.SESSION_CACHE_ALIAS = "sessions"
    message = only("E015")
    assert "'sessions'" in message.msg
    assert message.hint == "It has 'default'."


@pytest.mark.parametrize(
    ("backend", "number"), [("locmem.LocMemCache", "W004"), ("dummy.DummyCache", "W005")]
)
def test_a_cache_that_is_no_good(settings: Settings, backend: str, number: str) -> None:
    settings.CACHES = cached_in(f"django.core.cache.backends.{backend}")
    assert "'default'" in only(number).msg
    settings.SESSION_ENGINE = "session_backend.backends.db"
    assert not found()


def test_local_memory_is_good_enough_to_develop(settings: Settings) -> None:
    settings.CACHES = cached_in("django.core.cache.backends.locmem.LocMemCache")
    settings.DEBUG = True
    assert not found()


@pytest.mark.parametrize(
    ("backend", "options", "location", "missing"),
    [
        (REDIS, {}, "redis://a", "socket_timeout and no socket_connect_timeout"),
        (REDIS, {"socket_timeout": 1}, "redis://a", "socket_connect_timeout"),
        (REDIS, {"socket_timeout": None, "socket_connect_timeout": 1}, "", "socket_timeout"),
        (REDIS, {"socket_timeout": 1}, ["redis://a" + BOTH, "redis://b"], "socket_connect_timeout"),
        (REDIS, {}, "redis://a" + BOTH, None),
        (REDIS, {"socket_timeout": 1}, "redis://a" + BOTH + ",redis://b" + BOTH, None),
        (DJANGO_REDIS, {"SOCKET_TIMEOUT": 1}, "redis://a", "socket_connect_timeout"),
        (DJANGO_REDIS, {"SOCKET_TIMEOUT": 1, "SOCKET_CONNECT_TIMEOUT": 1}, "redis://a", None),
        (
            DJANGO_REDIS,
            {"SOCKET_CONNECT_TIMEOUT": 1, "CONNECTION_POOL_KWARGS": {"socket_timeout": 1}},
            "redis://a",
            None,
        ),
        (MEMCACHED, {"timeout": 1}, "a:11211", "connect_timeout"),
        (MEMCACHED, {"timeout": 1, "connect_timeout": 1}, ["a:11211"], None),
        ("django.core.cache.backends.memcached.PyLibMCCache", {}, "a:11211", None),
        ("django.core.cache.backends.db.DatabaseCache", {}, "table", None),
        ("somebody.elses.Cache", {}, "", None),
    ],
)
def test_a_cache_without_a_time_out(
    settings: Settings, backend: str, options: Any, location: Any, missing: str | None
) -> None:
    settings.CACHES = cached_in(backend, options, location)
    if missing is None:
        assert not found()
    else:
        assert f"has no {missing}:" in only("W006").msg


# Places, and what Django checks only beside its own app.


def test_a_missing_geoip_database(settings: Settings, tmp_path: Path) -> None:
    settings.GEOIP_PATH = tmp_path
    assert str(tmp_path) in only("W007").msg


def test_a_broken_geoip_database(settings: Settings, tmp_path: Path) -> None:
    settings.GEOIP_PATH = tmp_path / "places.mmdb"
    settings.GEOIP_PATH.write_bytes(b"no places")
    assert "cannot be opened" in only("W007").msg


@pytest.mark.parametrize(
    ("name", "number"), [("SESSION_COOKIE_SECURE", "W008"), ("SESSION_COOKIE_HTTPONLY", "W009")]
)
def test_a_cookie_that_others_can_read(settings: Settings, name: str, number: str) -> None:
    settings.SESSION_COOKIE_SECURE = True
    setattr(settings, name, False)
    assert name in only(number, deploy=True).msg
    assert not found()
