from __future__ import annotations

from datetime import timedelta
from importlib import reload
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections

from session_backend import checks, models
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
    """Middleware of a site that inherits from ours."""


class SiteAuthentication(AuthenticationMiddleware):
    """Authentication middleware of a site."""


class SessionStore(db.SessionStore):
    """The store of a site's engine, which is this module."""


def function_middleware(get_response: Any) -> Any:
    return get_response


class SessionsElsewhere:
    """A database router that puts sessions in a database of their own."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "sessions" if model._meta.app_label == "session_backend" else None


class PastSessionsElsewhere:
    """A database router that puts past sessions in a database of their own."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "past" if model._meta.model_name == "pastsession" else None


@pytest.fixture(autouse=True)
def _valid_site(settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"
    settings.CACHES = cached_in(REDIS, {"socket_timeout": 1, "socket_connect_timeout": 1})


def cached_in(backend: str, options: dict[str, Any] | None = None, location: Any = "") -> Any:
    return {"default": {"BACKEND": backend, "OPTIONS": options or {}, "LOCATION": location}}


def found(*, deploy: bool = False) -> list[CheckMessage]:
    return run_checks(tags=["session_backend"], include_deployment_checks=deploy)


def only(number: str, *, deploy: bool = False) -> CheckMessage:
    """Return the only message, which must have this number and a hint."""
    (message,) = found(deploy=deploy)
    assert message.id == f"session_backend.{number}"
    assert message.is_serious() == number.startswith("E")
    assert message.hint
    return message


def test_a_valid_site_has_no_messages(settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME = "__Host-sessionid"
    assert not found(deploy=True)
    call_command("check", "--tag", "session_backend", "--deploy", "--fail-level", "WARNING")


# The engine.


@pytest.mark.parametrize("engine", ["no.such.engine", "session_backend.conf", ""])
def test_an_engine_that_cannot_be_imported(settings: Settings, engine: str) -> None:
    settings.SESSION_ENGINE = engine
    assert repr(engine) in only("E001").msg


@pytest.mark.parametrize("name", ["db", "cached_db", "cache", "file", "signed_cookies"])
def test_a_django_engine(settings: Settings, name: str) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{name}"
    assert settings.SESSION_ENGINE in only("E002").msg


def test_an_engine_that_inherits_from_ours(settings: Settings) -> None:
    settings.SESSION_ENGINE = __name__
    assert not found()


# The middleware.


def test_no_session_middleware(settings: Settings) -> None:
    settings.MIDDLEWARE = ["no.such.Middleware", f"{__name__}.function_middleware"]
    assert OURS in only("E003").msg


def test_django_middleware_instead_of_ours(settings: Settings) -> None:
    settings.MIDDLEWARE = [DJANGOS, AUTHENTICATION]
    assert OURS in (only("E004").hint or "")


def test_django_middleware_together_with_ours(settings: Settings) -> None:
    settings.MIDDLEWARE = [OURS, DJANGOS, AUTHENTICATION]
    assert DJANGOS in only("E004").msg


@pytest.mark.parametrize("authentication", [AUTHENTICATION, f"{__name__}.SiteAuthentication"])
def test_authentication_before_the_session(settings: Settings, authentication: str) -> None:
    settings.MIDDLEWARE = [authentication, OURS]
    assert authentication in only("E005").msg


def test_middleware_that_inherits_from_ours(settings: Settings) -> None:
    settings.MIDDLEWARE = [f"{__name__}.SiteMiddleware", AUTHENTICATION]
    assert not found()


# The apps.


def test_the_django_app_together_with_ours(settings: Settings) -> None:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.sessions"]
    assert "'django.contrib.sessions'" in only("W001").msg


def test_the_django_app_while_its_sessions_are_adopted(settings: Settings) -> None:
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
def test_an_app_that_stores_raw_keys(
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


def test_sessions_in_the_same_database_under_another_alias(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings, "sessions", dict(connections.settings["default"]))
    settings.DATABASE_ROUTERS = [f"{__name__}.SessionsElsewhere"]
    assert not found()
    del connections["sessions"]


# The settings of this app.


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("ACTIVITY_INTERVAL", 0, "E007"),
        ("ACTIVITY_INTERVAL", -60, "E007"),
        ("ACTIVITY_INTERVAL", 0.5, "E007"),
        ("ACTIVITY_INTERVAL", "a minute", "E007"),
        ("ACTIVITY_INTERVAL", True, "E007"),
        ("ACTIVITY_INTERVAL", None, "E007"),
        ("ACTIVITY_INTERVAL", timedelta(minutes=1), "E007"),
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
        ("BACKGROUND_VIEWS", "unread", "E016"),
        ("BACKGROUND_VIEWS", None, "E016"),
        ("BACKGROUND_VIEWS", ["unread", only], "E016"),
        ("BACKGROUND_VIEWS", [""], "E016"),
    ],
)
def test_an_invalid_value(settings: Settings, name: str, value: Any, number: str) -> None:
    setattr(settings, f"SESSION_BACKEND_{name}", value)
    message = only(number).msg
    assert message.startswith(f"SESSION_BACKEND_{name} ")
    assert f" {value!r}" in message


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
        ("BACKGROUND_VIEWS", ["unread", "wagtailadmin:count", "/admin/counts/"]),
        ("BACKGROUND_VIEWS", ()),
    ],
)
def test_a_valid_value(settings: Settings, name: str, value: Any) -> None:
    setattr(settings, f"SESSION_BACKEND_{name}", value)
    assert not found()


@pytest.mark.parametrize(
    "networks",
    [
        ["0.0.0.0/0"],
        ["::/0"],
        ["::ffff:0.0.0.0/96"],
        ["10.0.0.0/8", "0.0.0.0/1", "128.0.0.0/1"],
        [f"{first}.0.0.0/8" for first in range(256)],
        ["2000::/3"],
        # Everything but 10.0.0.0/8.
        [
            str(network)
            for network in IPv4Network("0.0.0.0/0").address_exclude(IPv4Network("10.0.0.0/8"))
        ],
    ],
)
def test_trusted_networks_with_clients_in_them(settings: Settings, networks: list[str]) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = networks
    assert "forge" in only("W005").msg


@pytest.mark.parametrize("network", ["10.0.0.0/8", "fc00::/7", "2400:cb00::/32"])
def test_trusted_networks_of_ordinary_size(settings: Settings, network: str) -> None:
    settings.SESSION_BACKEND_TRUSTED_PROXIES = [network, "unix"]
    assert not found()


def test_a_misspelt_setting(settings: Settings) -> None:
    settings.SESSION_BACKEND_STORE_IPS = "off"
    message = only("W003")
    assert "SESSION_BACKEND_STORE_IPS" in message.msg
    assert message.hint == "Did you mean SESSION_BACKEND_STORE_IP?"


def test_an_unknown_setting(settings: Settings) -> None:
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


def test_a_legacy_engine_whose_table_is_known_needs_no_app(settings: Settings) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.db"
    assert not found()
    settings.SESSION_BACKEND_LEGACY_ENGINE = "user_sessions.backends.db"
    assert not found()


def test_a_legacy_engine_whose_app_is_missing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = "from django.contrib.sessions.backends.db import SessionStore\n"
    (tmp_path / "own_engine.py").write_text(engine)
    monkeypatch.syspath_prepend(tmp_path)
    settings.SESSION_BACKEND_LEGACY_ENGINE = "own_engine"
    assert "'own_engine'" in only("E014").msg
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.sessions"]
    assert not found()
    # Now its model has been imported.
    settings.INSTALLED_APPS = settings.INSTALLED_APPS[:-1]
    assert "'own_engine'" in only("E014").msg


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


# What is remembered.


@pytest.mark.parametrize("days", [-1, True, False, None, 1.5, "30"])
def test_invalid_history_days(settings: Settings, days: Any) -> None:
    settings.SESSION_BACKEND_HISTORY_DAYS = days
    assert repr(days) in only("E017").msg


@pytest.mark.parametrize("name", ["", 7, "a b", "a;b", "path", "é", "sid", "csrftoken"])
def test_an_invalid_device_cookie(settings: Settings, name: Any) -> None:
    settings.SESSION_COOKIE_NAME = "sid"
    settings.SESSION_BACKEND_DEVICE_COOKIE = name
    assert repr(name) in only("E018").msg


@pytest.mark.parametrize("value", [None, 1, "False"])
def test_invalid_client_hints(settings: Settings, value: Any) -> None:
    settings.SESSION_BACKEND_CLIENT_HINTS = value
    assert repr(value) in only("E019").msg


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("no.such.function", "cannot be imported: ModuleNotFoundError"),
        ("session_backend.impersonation.from_nothing", "cannot be imported: ImportError"),
        ("", "cannot be imported: ImportError"),
        (7, "cannot be imported: AttributeError"),
        ("session_backend.checks.TAG", "is not callable"),
    ],
)
def test_an_invalid_impersonator(settings: Settings, path: Any, problem: str) -> None:
    settings.SESSION_BACKEND_IMPERSONATOR = path
    assert problem in only("E020").msg


@pytest.fixture
def https(settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        *((value, "must be") for value in (None, True, 5, "", "Offer", "required", ["offer"])),
        (f"{__name__}.OURS", "must be"),
        (f"{__name__}.missing", "cannot be imported: ImportError"),
        ("missing.mode", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_an_invalid_binding(settings: Settings, value: Any, problem: str) -> None:
    settings.SESSION_BACKEND_BINDING = value
    assert problem in only("E028").msg


@pytest.mark.usefixtures("https")
@pytest.mark.parametrize("value", ["off", "offer", "require", f"{__name__}.function_middleware"])
def test_a_valid_binding(settings: Settings, value: str) -> None:
    settings.SESSION_BACKEND_BINDING = value
    assert not found()


@pytest.mark.usefixtures("https")
@pytest.mark.parametrize("name", ["jwt", "cryptography"])
def test_binding_without_its_packages(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda wanted: wanted != name)
    assert not found()
    settings.SESSION_BACKEND_BINDING = "offer"
    assert "django-session-ui[binding]" in str(only("E029").hint)


def test_binding_over_plain_http(settings: Settings) -> None:
    settings.SESSION_BACKEND_BINDING = "offer"
    assert "SECURE_PROXY_SSL_HEADER" in str(only("W013").hint)


@pytest.mark.usefixtures("https")
def test_binding_on_several_hosts(settings: Settings) -> None:
    settings.SESSION_BACKEND_BINDING = "offer"
    settings.SESSION_COOKIE_DOMAIN = ".example.com"
    assert "'.example.com'" in only("W014").msg


def test_all_that_is_remembered_turned_off_or_on(settings: Settings) -> None:
    settings.SESSION_BACKEND_HISTORY_DAYS = 0
    settings.SESSION_BACKEND_DEVICE_COOKIE = None
    settings.SESSION_BACKEND_CLIENT_HINTS = True
    settings.SESSION_BACKEND_IMPERSONATOR = "session_backend.impersonation.from_hijack"
    assert not found()


# The limits of sessions.

LIMITS = {"IDLE_TIMEOUT": "E022", "ABSOLUTE_TIMEOUT": "E023", "MAX_SESSIONS": "E024"}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    ("limit", "problem"),
    [
        (0, "is neither"),
        (-5, "is neither"),
        (True, "is neither"),
        (1.5, "is neither"),
        ("1800", "cannot be imported: ImportError"),
        ("session_backend.checks.TAG", "is neither"),
    ],
)
def test_an_invalid_limit(settings: Settings, name: str, limit: Any, problem: str) -> None:
    setattr(settings, f"SESSION_BACKEND_{name}", limit)
    assert problem in only(LIMITS[name]).msg


def test_an_idle_timeout_of_less_than_two_intervals(settings: Settings) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = 119
    assert "119" in only("E025").msg
    settings.SESSION_BACKEND_IDLE_TIMEOUT = 120
    assert not found()


@pytest.mark.parametrize("value", [None, "storage", ["storage", "history"], {"storage"}])
def test_invalid_site_data(settings: Settings, value: Any) -> None:
    settings.SESSION_BACKEND_CLEAR_SITE_DATA = value
    assert repr(value) in only("E026").msg


def test_limits(settings: Settings) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = "tests.session_backend.test_policy.for_staff"
    settings.SESSION_BACKEND_ABSOLUTE_TIMEOUT = 43200
    settings.SESSION_BACKEND_MAX_SESSIONS = 1
    settings.SESSION_BACKEND_CLEAR_SITE_DATA = ("storage", "cache")
    assert not found()


def test_past_sessions_in_another_database(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        connections.settings, "past", {**connections.settings["default"], "NAME": "p"}
    )
    settings.DATABASE_ROUTERS = [PastSessionsElsewhere()]
    message = only("E021")
    assert "'default'" in message.msg
    assert "'past'" in message.msg
    settings.SESSION_BACKEND_HISTORY_DAYS = 0
    assert not found()


# The cache.


def test_a_cache_that_does_not_exist(settings: Settings) -> None:
    settings.SESSION_CACHE_ALIAS = "sessions"
    message = only("E015")
    assert "'sessions'" in message.msg
    assert message.hint == "CACHES has 'default'."


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_a_cache_that_processes_do_not_share(settings: Settings, backend: str) -> None:
    settings.CACHES = cached_in(f"django.core.cache.backends.{backend}")
    assert backend in only("W004").msg
    settings.SESSION_ENGINE = "session_backend.backends.db"
    assert not found()


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_any_cache_is_accepted_in_development(settings: Settings, backend: str) -> None:
    settings.CACHES = cached_in(f"django.core.cache.backends.{backend}")
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
def test_a_cache_without_a_timeout(
    settings: Settings, backend: str, options: Any, location: Any, missing: str | None
) -> None:
    settings.CACHES = cached_in(backend, options, location)
    messages = [message.msg for message in found() if message.id == "session_backend.W006"]
    if missing is None:
        assert not messages
    else:
        assert f"has no {missing}:" in messages[0]


# GeoIP, and what Django checks only if its own session app is installed.


def test_a_missing_geoip_database(settings: Settings, tmp_path: Path) -> None:
    settings.GEOIP_PATH = tmp_path
    assert str(tmp_path) in only("W007").msg


def test_a_broken_geoip_database(settings: Settings, tmp_path: Path) -> None:
    settings.GEOIP_PATH = tmp_path / "places.mmdb"
    settings.GEOIP_PATH.write_bytes(b"no places")
    assert "cannot be opened" in only("W007").msg


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("SESSION_COOKIE_SECURE", False, "W008"),
        ("SESSION_COOKIE_HTTPONLY", False, "W009"),
        ("SESSION_COOKIE_SAMESITE", None, "W012"),
        ("SESSION_COOKIE_SAMESITE", False, "W012"),
        ("SESSION_COOKIE_SAMESITE", "None", "W012"),
    ],
)
def test_an_insecure_cookie(settings: Settings, name: str, value: Any, number: str) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME = "session"
    setattr(settings, name, value)
    ids = {message.id for message in found(deploy=True)}
    assert ids == {f"session_backend.{number}", "session_backend.W011"}
    assert not found()


@pytest.mark.parametrize("name", ["sessionid", "__Secure-sessionid", "host-sessionid"])
def test_a_cookie_that_others_can_set(settings: Settings, name: str) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME = name
    assert repr(name) in only("W011", deploy=True).msg
    assert not found()


@pytest.mark.parametrize("samesite", ["Lax", "Strict"])
@pytest.mark.parametrize("name", ["__Host-sessionid", "__host-s"])
def test_a_protected_cookie(settings: Settings, name: str, samesite: str) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME = name
    settings.SESSION_COOKIE_SAMESITE = samesite
    assert not found(deploy=True)


@pytest.mark.parametrize(
    ("cookie", "setting", "value"),
    [
        ("__Host-sessionid", "SESSION_COOKIE_SECURE", False),
        ("__Host-sessionid", "SESSION_COOKIE_DOMAIN", "example.com"),
        ("__Host-sessionid", "SESSION_COOKIE_PATH", "/shop/"),
        ("__HOST-sessionid", "SESSION_COOKIE_PATH", "/shop/"),
        ("__Secure-sessionid", "SESSION_COOKIE_SECURE", False),
    ],
)
def test_a_cookie_that_browsers_refuse(
    settings: Settings, cookie: str, setting: str, value: Any
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME = cookie
    assert not found()
    setattr(settings, setting, value)
    assert setting in only("E027").msg


def test_a_secure_cookie_may_have_a_domain_and_a_path(settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME = "__Secure-sessionid"
    settings.SESSION_COOKIE_DOMAIN = "example.com"
    settings.SESSION_COOKIE_PATH = "/shop/"
    assert not found()


# No check can report this, because the models cannot be imported.


def test_the_app_is_missing(settings: Settings) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "session_backend"]
    with pytest.raises(ImproperlyConfigured, match="Add 'session_backend' to INSTALLED_APPS"):
        reload(models)


@pytest.mark.parametrize("backend", ["django.core.cache.backends.redis", "django_redis.cache"])
@pytest.mark.parametrize(
    ("location", "is_replicated"),
    [
        ("redis://a/0", False),
        (["redis://a/0"], False),
        ("redis://a/0,redis://b/0", True),
        ("redis://a/0;redis://b/0", True),
        (["redis://a/0", "redis://b/0"], True),
    ],
)
def test_a_cache_that_reads_from_replicas(
    backend: str, location: Any, is_replicated: bool, settings: Settings
) -> None:
    options = {"socket_timeout": 1, "socket_connect_timeout": 1}
    settings.CACHES = cached_in(f"{backend}.RedisCache", options, location)
    if is_replicated:
        assert "replicas" in only("W010").msg
    else:
        assert found() == []
