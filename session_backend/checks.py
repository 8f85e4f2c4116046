"""System checks: what is wrong with a site's settings, before a visitor finds out.

Each mistake has a number. ``manage.py check --tag session_backend`` runs these alone, and with
``--deploy`` those for a site that is live.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.backends import signed_cookies
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections, router
from django.utils.module_loading import import_string

from session_backend.backends import cached_db, db
from session_backend.client import trusted_proxies_problem
from session_backend.conf import conf
from session_backend.locations import database_problem
from session_backend.middleware import SessionMiddleware

__all__ = [
    "check_apps",
    "check_cache",
    "check_cookie",
    "check_databases",
    "check_engine",
    "check_geoip",
    "check_legacy_engine",
    "check_middleware",
    "check_setting_names",
    "check_settings",
]

TAG = "session_backend"

SETTINGS = (
    "SESSION_BACKEND_ACTIVITY_INTERVAL",
    "SESSION_BACKEND_LEGACY_ENGINE",
    "SESSION_BACKEND_RETENTION_DAYS",
    "SESSION_BACKEND_STORE_IP",
    "SESSION_BACKEND_STORE_USER_AGENT",
    "SESSION_BACKEND_TRUSTED_PROXIES",
)
SESSION_APPS = (
    "django.contrib.sessions",
    "django_user_sessions_ng",
    "qsessions",
    "user_sessions",
)
CACHES = "django.core.cache.backends"
# The options without which a client of the cache may wait for its server for ever. libmemcached,
# and so pylibmc, has limits of its own.
TIMEOUTS = {
    f"{CACHES}.memcached.PyMemcacheCache": ("timeout", "connect_timeout"),
    f"{CACHES}.redis.RedisCache": ("socket_timeout", "socket_connect_timeout"),
    "django_redis.cache.RedisCache": ("socket_timeout", "socket_connect_timeout"),
}


@register(TAG, Tags.security)
def check_engine(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check ``SESSION_ENGINE``."""
    hint = "Set it to 'session_backend.backends.cached_db' or 'session_backend.backends.db'."
    try:
        store = conf.session_store
    except Exception as error:
        yield Error(
            f"SESSION_ENGINE, {settings.SESSION_ENGINE!r}, cannot be imported: {in_words(error)}",
            hint=hint,
            id="session_backend.E001",
        )
    else:
        if not is_subclass(store, db.SessionStore):
            yield Error(
                f"SESSION_ENGINE, {settings.SESSION_ENGINE!r}, is no engine of session_backend.",
                hint=f"{hint} A store of your own inherits from one of theirs.",
                id="session_backend.E002",
            )


@register(TAG, Tags.security)
def check_middleware(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the middleware is there, in the place of Django's."""
    path = f"{SessionMiddleware.__module__}.{SessionMiddleware.__qualname__}"
    ours, djangos, authentication = [], [], []
    for index, middleware in enumerate(map(imported, settings.MIDDLEWARE)):
        if is_subclass(middleware, SessionMiddleware):
            ours.append(index)
        elif is_subclass(middleware, DjangoSessionMiddleware):
            djangos.append(index)
        elif is_subclass(middleware, AuthenticationMiddleware):
            authentication.append(index)
    if djangos:
        yield Error(
            f"{settings.MIDDLEWARE[djangos[0]]!r} is in MIDDLEWARE and knows nothing of the "
            "devices and the activity that session_backend records.",
            hint=f"Have {path!r} in its place.",
            id="session_backend.E004",
        )
    elif not ours:
        yield Error(
            f"{path!r} is not in MIDDLEWARE: there are no sessions.",
            hint="It belongs where Django has 'django.contrib.sessions.middleware"
            ".SessionMiddleware', before 'django.contrib.auth.middleware"
            ".AuthenticationMiddleware'.",
            id="session_backend.E003",
        )
    if ours and authentication and authentication[0] < ours[0]:
        yield Error(
            f"{settings.MIDDLEWARE[authentication[0]]!r} is before "
            f"{settings.MIDDLEWARE[ours[0]]!r} in MIDDLEWARE, and finds no session.",
            hint="Have them the other way round.",
            id="session_backend.E005",
        )


@register(TAG, Tags.compatibility)
def check_apps(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check for apps that have no place beside this one."""
    for name in SESSION_APPS:
        # While the sessions of another engine are adopted, its app has to be there.
        if conf.legacy_engine is None and apps.is_installed(name):
            yield Warning(
                f"{name!r} is installed beside 'session_backend', which takes its place.",
                hint="Move its sessions with migratesessions, or name its engine in "
                "SESSION_BACKEND_LEGACY_ENGINE, and then remove the app and its table: "
                "whoever reads the keys in there can use those sessions.",
                id="session_backend.W001",
            )
    if apps.is_installed("allauth.usersessions"):
        yield Warning(
            "'allauth.usersessions' keeps the key of every session as it is in the cookie: "
            "whoever can read its table can use those sessions.",
            hint="Remove it: session_backend knows the sessions of each user, "
            "and session_ui lists them.",
            id="session_backend.W002",
        )


@register(TAG, Tags.models)
def check_databases(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check that a session can refer to its user."""
    store = store_in_use()
    if store is None:
        return
    sessions = router.db_for_write(store.get_model_class())
    users = router.db_for_write(get_user_model())
    if address_of(sessions) != address_of(users):
        yield Error(
            f"The sessions are in the database {sessions!r} and the users in {users!r}: "
            "a row cannot refer to another database.",
            hint="Let the database routers give both the same one.",
            id="session_backend.E006",
        )


@register(TAG, Tags.security)
def check_settings(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the values of this app's own settings."""
    interval = getattr(settings, "SESSION_BACKEND_ACTIVITY_INTERVAL", 60)
    if not is_positive(interval):
        yield Error(
            f"SESSION_BACKEND_ACTIVITY_INTERVAL is {interval!r} and must be a whole number of "
            "seconds, 1 or more.",
            hint="60 is the default: a revoked session outlives its row no longer than that.",
            id="session_backend.E007",
        )
    problem = trusted_proxies_problem()
    if problem:
        yield Error(
            f"SESSION_BACKEND_TRUSTED_PROXIES cannot be used: {problem}.",
            hint="Give a list of networks, ['10.0.0.0/8', '2001:db8::/32'], or the number of "
            "proxies. Until then X-Forwarded-For is not read at all.",
            id="session_backend.E008",
        )
    if conf.store_ip not in ("full", "truncated", "off"):
        yield Error(
            f"SESSION_BACKEND_STORE_IP is {conf.store_ip!r} and must be 'full', 'truncated' or "
            "'off'.",
            hint="Until then no address is kept.",
            id="session_backend.E009",
        )
    store_user_agent = getattr(settings, "SESSION_BACKEND_STORE_USER_AGENT", True)
    if not isinstance(store_user_agent, bool):
        yield Error(
            f"SESSION_BACKEND_STORE_USER_AGENT is {store_user_agent!r} and must be True or False.",
            hint="A string out of the environment is true, 'False' too.",
            id="session_backend.E010",
        )
    days = getattr(settings, "SESSION_BACKEND_RETENTION_DAYS", None)
    if days is not None and not is_positive(days):
        yield Error(
            f"SESSION_BACKEND_RETENTION_DAYS is {days!r} and must be a whole number of days, 1 "
            "or more, or None.",
            hint="To keep no addresses at all set SESSION_BACKEND_STORE_IP to 'off'.",
            id="session_backend.E011",
        )


@register(TAG, Tags.security)
def check_setting_names(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check for misspelt settings, which would silently do nothing."""
    for name in dir(settings):
        if name.startswith("SESSION_BACKEND_") and name not in SETTINGS:
            similar = get_close_matches(name, SETTINGS, n=1)
            yield Warning(
                f"There is no setting {name}.",
                hint=f"Do you mean {similar[0]}?" if similar else "Remove it.",
                id="session_backend.W003",
            )


@register(TAG, Tags.compatibility)
def check_legacy_engine(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check ``SESSION_BACKEND_LEGACY_ENGINE``, and that its table is to be found."""
    path = conf.legacy_engine
    if path is None:
        return
    hint = "Name the SESSION_ENGINE that the site had before, or remove the setting."
    try:
        store = import_module(path).SessionStore
        is_installed = has_installed_model(store)
    except RuntimeError:
        # What Django raises for the import of a model whose app is not installed.
        is_installed = False
        store = None
    except Exception as error:
        yield Error(
            f"SESSION_BACKEND_LEGACY_ENGINE, {path!r}, cannot be imported: {in_words(error)}",
            hint=hint,
            id="session_backend.E012",
        )
        return
    if is_subclass(store, (db.SessionStore, signed_cookies.SessionStore)):
        yield Error(
            f"SESSION_BACKEND_LEGACY_ENGINE, {path!r}, has no sessions that could be adopted.",
            hint=f"{hint} It cannot be an engine of session_backend, nor one that keeps nothing "
            "on the server.",
            id="session_backend.E013",
        )
    elif not is_installed:
        yield Error(
            f"The app of SESSION_BACKEND_LEGACY_ENGINE, {path!r}, is not installed.",
            hint="Keep it in INSTALLED_APPS as long as its sessions are adopted.",
            id="session_backend.E014",
        )


@register(TAG, Tags.caches)
def check_cache(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the cache of the ``cached_db`` engine."""
    if not is_subclass(store_in_use(), cached_db.SessionStore):
        return
    alias = settings.SESSION_CACHE_ALIAS
    caches: dict[str, Any] = settings.CACHES
    if alias not in caches:
        yield Error(
            f"SESSION_CACHE_ALIAS is {alias!r}, and CACHES has no such cache.",
            hint=f"It has {', '.join(map(repr, caches))}.",
            id="session_backend.E015",
        )
        return
    backend = caches[alias]["BACKEND"]
    if backend == f"{CACHES}.locmem.LocMemCache" and not settings.DEBUG:
        yield Warning(
            f"Sessions are cached in the cache {alias!r}, which every process has for itself: what "
            "one of them revokes, the others accept for SESSION_BACKEND_ACTIVITY_INTERVAL more.",
            hint="Use a cache that all processes share, or the engine 'session_backend"
            ".backends.db'. Where there is but one process, silence this.",
            id="session_backend.W004",
        )
    if backend == f"{CACHES}.dummy.DummyCache":
        yield Warning(
            f"Sessions are cached in the cache {alias!r}, which keeps nothing.",
            hint="Use the engine 'session_backend.backends.db', which does not ask a cache.",
            id="session_backend.W005",
        )
    missing = [
        option for option in TIMEOUTS.get(backend, ()) if not is_given(option, caches[alias])
    ]
    if missing:
        yield Warning(
            f"The cache {alias!r}, in which sessions are cached, has no {' and no '.join(missing)}:"
            " a server that does not answer makes every visitor wait for it.",
            hint="Set it in the OPTIONS of the cache: half a second is enough for a server nearby.",
            id="session_backend.W006",
        )


@register(TAG, Tags.files)
def check_geoip(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the database that the ``GEOIP_`` settings name."""
    problem = database_problem()
    if problem:
        yield Warning(
            f"The GeoIP database cannot be opened, and sessions have no place: {problem}",
            hint="Download one with download_geoip_db, or remove GEOIP_PATH.",
            id="session_backend.W007",
        )


@register(TAG, Tags.security, deploy=True)
def check_cookie(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check what Django checks (security.W010 to W015) only where its own app is installed."""
    if not settings.SESSION_COOKIE_SECURE:
        yield Warning(
            "SESSION_COOKIE_SECURE is not True: browsers send the session cookie over plain "
            "HTTP too, where anybody on the way can take it.",
            hint="Set it to True.",
            id="session_backend.W008",
        )
    if not settings.SESSION_COOKIE_HTTPONLY:
        yield Warning(
            "SESSION_COOKIE_HTTPONLY is not True: a script in a page can take the session cookie.",
            hint="Remove the setting: True is Django's default.",
            id="session_backend.W009",
        )


def store_in_use() -> type[db.SessionStore] | None:
    """Return the site's store class, or None where it is none of ours."""
    try:
        store = conf.session_store
    except Exception:
        return None
    return store if is_subclass(store, db.SessionStore) else None


def has_installed_model(store: Any) -> bool:
    """Tell whether the rows of a store have a table; true for one that has none."""
    if not hasattr(store, "get_model_class"):
        return True
    return store.get_model_class()._meta.app_config is not None


def address_of(alias: str) -> tuple[Any, ...]:
    """Return what tells one database from another, by whatever alias."""
    database = connections[alias].settings_dict
    return tuple(database[name] for name in ("ENGINE", "HOST", "PORT", "NAME"))


def is_given(option: str, cache: dict[str, Any]) -> bool:
    """Tell whether a cache has an option, be it in ``OPTIONS`` or in the address."""
    options = cache.get("OPTIONS", {})
    # django-redis writes its own in capitals, and hands those of the pool on.
    given = {**options.get("CONNECTION_POOL_KWARGS", {}), **options}
    if any(given.get(name) is not None for name in (option, option.upper())):
        return True
    location = cache.get("LOCATION", "")
    addresses = location.split(",") if isinstance(location, str) else location
    return all(option in dict(parse_qsl(urlsplit(address).query)) for address in addresses)


def imported(path: str) -> Any:
    """Return what a dotted path names, or None."""
    try:
        return import_string(path)
    except ImportError:
        return None


def is_subclass(value: Any, classes: type[Any] | tuple[type[Any], ...]) -> bool:
    """Tell whether a value is a class, and one of these."""
    return isinstance(value, type) and issubclass(value, classes)


def is_positive(value: Any) -> bool:
    """Tell whether a value is a whole number of 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def in_words(error: Exception) -> str:
    """Return an error as it is read."""
    return f"{type(error).__name__}: {error}"
