"""System checks of the settings that sessions depend on.

Run these alone with ``manage.py check --tag session_backend``, and add ``--deploy`` for the checks
of a live site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
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
from session_backend.client import broad_proxy_networks, trusted_proxies_problem
from session_backend.conf import SITE_DATA, conf, is_positive
from session_backend.history import PastSession
from session_backend.legacy import source_of
from session_backend.locations import database_problem
from session_backend.middleware import SessionMiddleware

__all__ = [
    "check_apps",
    "check_binding",
    "check_cache",
    "check_cookie",
    "check_cookie_name",
    "check_databases",
    "check_engine",
    "check_geoip",
    "check_legacy_engine",
    "check_memory",
    "check_middleware",
    "check_policy",
    "check_setting_names",
    "check_settings",
]

TAG = "session_backend"

MIDDLEWARE = f"{SessionMiddleware.__module__}.{SessionMiddleware.__qualname__}"
SESSION_APPS = (
    "django.contrib.sessions",
    "django_user_sessions_ng",
    "qsessions",
    "user_sessions",
)
CACHES = "django.core.cache.backends"
UNSHARED = (f"{CACHES}.dummy.DummyCache", f"{CACHES}.locmem.LocMemCache")
# With several servers in LOCATION, these write to the first and read from the others.
REPLICATED = (f"{CACHES}.redis.RedisCache", "django_redis.cache.RedisCache")
# Without these options a cache client may wait for its server forever. libmemcached, and so
# pylibmc, has its own limits.
TIMEOUTS = {
    f"{CACHES}.memcached.PyMemcacheCache": ("timeout", "connect_timeout"),
    f"{CACHES}.redis.RedisCache": ("socket_timeout", "socket_connect_timeout"),
    "django_redis.cache.RedisCache": ("socket_timeout", "socket_connect_timeout"),
}


@register(TAG, Tags.security)
def check_engine(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check ``SESSION_ENGINE``."""
    hint = "Set it to 'session_backend.backends.db' or 'session_backend.backends.cached_db'."
    try:
        store = conf.session_store
    except Exception as error:
        yield Error(
            f"SESSION_ENGINE, {settings.SESSION_ENGINE!r}, cannot be imported: {described(error)}",
            hint=hint,
            id="session_backend.E001",
        )
    else:
        if not is_subclass(store, db.SessionStore):
            yield Error(
                f"SESSION_ENGINE, {settings.SESSION_ENGINE!r}, is not an engine of "
                "session_backend.",
                hint=f"{hint} A custom engine must inherit from one of these.",
                id="session_backend.E002",
            )


@register(TAG, Tags.security)
def check_middleware(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the session middleware is ours, and comes before authentication."""
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
            f"{settings.MIDDLEWARE[djangos[0]]!r} is in MIDDLEWARE: it records no devices and no "
            "activity.",
            hint=f"Replace it with {MIDDLEWARE!r}.",
            id="session_backend.E004",
        )
    elif not ours:
        yield Error(
            f"{MIDDLEWARE!r} is not in MIDDLEWARE: requests have no session.",
            hint="Add it before 'django.contrib.auth.middleware.AuthenticationMiddleware'. "
            "It satisfies admin.E410 too, which asks for Django's.",
            id="session_backend.E003",
        )
    if ours and authentication and authentication[0] < ours[0]:
        yield Error(
            f"{settings.MIDDLEWARE[authentication[0]]!r} comes before "
            f"{settings.MIDDLEWARE[ours[0]]!r} in MIDDLEWARE, so it finds no session.",
            hint="Swap them.",
            id="session_backend.E005",
        )


@register(TAG, Tags.compatibility)
def check_apps(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check for apps that conflict with this one."""
    for name in SESSION_APPS:
        # An engine whose sessions are being adopted needs its app.
        if conf.legacy_engine is None and apps.is_installed(name):
            yield Warning(
                f"{name!r} is installed together with 'session_backend', which replaces it.",
                hint="Move its sessions with migratesessions, or name its engine in "
                "SESSION_BACKEND_LEGACY_ENGINE; then remove the app and its table. Anyone who "
                "can read the keys in that table can use those sessions.",
                id="session_backend.W001",
            )
    if apps.is_installed("allauth.usersessions"):
        yield Warning(
            "'allauth.usersessions' stores session keys unhashed: anyone who can read its table "
            "can use those sessions.",
            hint="Remove it. session_backend records each user's sessions, and session_ui lists "
            "them.",
            id="session_backend.W002",
        )


@register(TAG, Tags.models)
def check_databases(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check that sessions and users are in the same database."""
    store = store_in_use()
    if store is None:
        return
    sessions = router.db_for_write(store.get_model_class())
    users = router.db_for_write(get_user_model())
    if address_of(sessions) != address_of(users):
        yield Error(
            f"Sessions are in the database {sessions!r} and users in {users!r}: a foreign key "
            "cannot cross databases.",
            hint="Have the database routers return the same database for both.",
            id="session_backend.E006",
        )
    past = router.db_for_write(PastSession)
    if conf.history_days and address_of(sessions) != address_of(past):
        yield Error(
            f"Sessions are in the database {sessions!r} and past sessions in {past!r}: one "
            "statement copies the ones to the others.",
            hint="Have the database routers return the same database for both, or set "
            "SESSION_BACKEND_HISTORY_DAYS to 0.",
            id="session_backend.E021",
        )


@register(TAG, Tags.security)
def check_settings(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the values of this app's settings."""
    if not is_positive(conf.get("ACTIVITY_INTERVAL")):
        yield Error(
            invalid("ACTIVITY_INTERVAL", "must be a whole number of seconds, 1 or more"),
            hint="The default is 60. It is used while the value is not a number.",
            id="session_backend.E007",
        )
    problem = trusted_proxies_problem()
    if problem:
        yield Error(
            invalid("TRUSTED_PROXIES", f"cannot be used: {problem}"),
            hint="Give a list of networks, such as ['10.0.0.0/8', '2001:db8::/32'], or the number "
            "of proxies. Until then X-Forwarded-For is ignored.",
            id="session_backend.E008",
        )
    networks = broad_proxy_networks()
    if networks:
        yield Warning(
            f"SESSION_BACKEND_TRUSTED_PROXIES trusts {', '.join(map(str, networks))}: any client "
            "with such an address can forge it with X-Forwarded-For.",
            hint="Name only the networks of your proxies, or the number of proxies.",
            id="session_backend.W005",
        )
    if conf.get("STORE_IP") not in ("full", "truncated", "off"):
        yield Error(
            invalid("STORE_IP", "must be 'full', 'truncated' or 'off'"),
            hint="Until then no IP address is stored.",
            id="session_backend.E009",
        )
    if not isinstance(conf.get("STORE_USER_AGENT"), bool):
        yield Error(
            invalid("STORE_USER_AGENT", "must be True or False"),
            hint="A string from the environment is true, even 'False'.",
            id="session_backend.E010",
        )
    days = conf.get("RETENTION_DAYS")
    if days is not None and not is_positive(days):
        yield Error(
            invalid("RETENTION_DAYS", "must be a whole number of days, 1 or more, or None"),
            hint="To store no IP addresses at all, set SESSION_BACKEND_STORE_IP to 'off'.",
            id="session_backend.E011",
        )
    if conf.background_views is not conf.get("BACKGROUND_VIEWS"):
        yield Error(
            invalid("BACKGROUND_VIEWS", "must be a list of strings"),
            hint="Give names of views, such as 'chat:unread', or paths that begin with '/'. Until "
            "then it has no effect.",
            id="session_backend.E016",
        )


@register(TAG, Tags.security)
def check_memory(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the settings of what is remembered of a user's devices."""
    days = conf.get("HISTORY_DAYS")
    if not is_positive(days) and (days != 0 or isinstance(days, bool)):
        yield Error(
            invalid("HISTORY_DAYS", "must be a whole number of days, 0 or more"),
            hint="The default is 30; 0 keeps no past sessions.",
            id="session_backend.E017",
        )
    if conf.get("DEVICE_COOKIE") is not None and conf.device_cookie is None:
        yield Error(
            invalid("DEVICE_COOKIE", "must be the name of a cookie that is not used, or None"),
            hint="The default is 'device'. Until then there is no such cookie.",
            id="session_backend.E018",
        )
    if not isinstance(conf.get("CLIENT_HINTS"), bool):
        yield Error(
            invalid("CLIENT_HINTS", "must be True or False"),
            hint="Until then browsers are asked for no hints.",
            id="session_backend.E019",
        )
    try:
        impersonator: Any = conf.impersonator
        if impersonator is None or callable(impersonator):
            return
        problem = "is not callable"
    except Exception as error:
        problem = f"cannot be imported: {described(error)}"
    yield Error(
        invalid("IMPERSONATOR", problem),
        hint="Give the dotted path of a function, such as "
        "'session_backend.impersonation.from_hijack', or None.",
        id="session_backend.E020",
    )


@register(TAG, Tags.security)
def check_policy(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the limits of sessions, and what browsers delete when one ends."""
    yield from limit_errors("IDLE_TIMEOUT", id="session_backend.E022")
    yield from limit_errors("ABSOLUTE_TIMEOUT", id="session_backend.E023")
    yield from limit_errors("MAX_SESSIONS", id="session_backend.E024")
    idle_timeout = conf.get("IDLE_TIMEOUT")
    if is_positive(idle_timeout) and idle_timeout < 2 * conf.activity_interval:
        yield Error(
            invalid("IDLE_TIMEOUT", "is shorter than two activity intervals"),
            hint="Activity is recorded once in SESSION_BACKEND_ACTIVITY_INTERVAL, so sessions "
            "in use would end. Make that shorter, or the timeout longer.",
            id="session_backend.E025",
        )
    if conf.clear_site_data is not conf.get("CLEAR_SITE_DATA"):
        yield Error(
            invalid("CLEAR_SITE_DATA", "must be a list of directives"),
            hint=f"Give some of {', '.join(sorted(SITE_DATA))}. Until then it has no effect.",
            id="session_backend.E026",
        )


@register(TAG, Tags.security)
def check_binding(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check ``SESSION_BACKEND_BINDING``, and what binding sessions to devices depends on."""
    value, problem = conf.get("BINDING"), ""
    try:
        mode = conf.binding
        if mode == "off" != value:
            problem = "must be 'off', 'offer' or 'require', or the dotted path of a function"
    except Exception as error:
        problem = f"cannot be imported: {described(error)}"
    if problem:
        yield Error(
            invalid("BINDING", problem),
            hint="The function takes a user and returns one of the three.",
            id="session_backend.E028",
        )
        return
    if mode == "off":
        return
    if not (find_spec("jwt") and find_spec("cryptography")):
        yield Error(
            "SESSION_BACKEND_BINDING is set, and PyJWT or cryptography is not installed.",
            hint="Install them: pip install 'django-session-ui[binding]'.",
            id="session_backend.E029",
        )
    if not settings.SESSION_COOKIE_SECURE:
        yield Warning(
            "SESSION_BACKEND_BINDING is set, and SESSION_COOKIE_SECURE is not True: over plain "
            "HTTP no session is bound to its device, and others can read the session cookie.",
            hint="Serve the site over HTTPS and set SESSION_COOKIE_SECURE to True. Behind a proxy "
            "that ends HTTPS, set SECURE_PROXY_SSL_HEADER too.",
            id="session_backend.W013",
        )
    if settings.SESSION_COOKIE_DOMAIN:
        yield Warning(
            "SESSION_BACKEND_BINDING is set, and SESSION_COOKIE_DOMAIN is "
            f"{settings.SESSION_COOKIE_DOMAIN!r}: a browser refreshes a session for the host on "
            "which the user signed in, and on the other hosts the session stops working.",
            hint="Remove SESSION_COOKIE_DOMAIN, or silence this if users stay on one host.",
            id="session_backend.W014",
        )


@register(TAG, Tags.security)
def check_setting_names(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check for misspelt settings, which have no effect."""
    for name, hint in conf.unknown_names():
        yield Warning(f"There is no setting {name}.", hint=hint, id="session_backend.W003")


@register(TAG, Tags.compatibility)
def check_legacy_engine(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check ``SESSION_BACKEND_LEGACY_ENGINE``, and that its app is installed if it is needed."""
    path = conf.legacy_engine
    if path is None:
        return
    hint = "Set it to the SESSION_ENGINE that the site had before, or remove it."
    try:
        if source_of(path):
            return  # its table is read, whether its app is installed or not
        store = import_module(path).SessionStore
        is_installed = has_installed_model(store)
    except RuntimeError:
        # Django raises this when a model is imported whose app is not installed.
        is_installed = False
        store = None
    except Exception as error:
        yield Error(
            f"SESSION_BACKEND_LEGACY_ENGINE, {path!r}, cannot be imported: {described(error)}",
            hint=hint,
            id="session_backend.E012",
        )
        return
    if is_subclass(store, (db.SessionStore, signed_cookies.SessionStore)):
        yield Error(
            f"The sessions of SESSION_BACKEND_LEGACY_ENGINE, {path!r}, cannot be adopted.",
            hint=f"{hint} It cannot be an engine of session_backend, or one that stores nothing "
            "on the server.",
            id="session_backend.E013",
        )
    elif not is_installed:
        yield Error(
            f"The app of SESSION_BACKEND_LEGACY_ENGINE, {path!r}, is not installed.",
            hint="Keep it in INSTALLED_APPS while its sessions are being adopted.",
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
            f"SESSION_CACHE_ALIAS is {alias!r}, which is not in CACHES.",
            hint=f"CACHES has {', '.join(map(repr, caches))}.",
            id="session_backend.E015",
        )
        return
    if caches[alias]["BACKEND"] in UNSHARED and not settings.DEBUG:
        yield Warning(
            f"SESSION_ENGINE is cached_db, but processes do not share the cache {alias!r} "
            f"({caches[alias]['BACKEND']}): every request reads its session from the database.",
            hint="Use a shared cache, such as Redis or Memcached, or set SESSION_ENGINE to "
            "'session_backend.backends.db', which needs no cache.",
            id="session_backend.W004",
        )
    if caches[alias]["BACKEND"] in REPLICATED and len(servers(caches[alias])) > 1:
        yield Warning(
            f"The cache {alias!r}, which holds cached sessions, reads from replicas: while one "
            "lags, it accepts revoked sessions and returns old data.",
            hint="Set SESSION_CACHE_ALIAS to a cache whose LOCATION is the primary server alone.",
            id="session_backend.W010",
        )
    missing = [
        option
        for option in TIMEOUTS.get(caches[alias]["BACKEND"], ())
        if not is_given(option, caches[alias])
    ]
    if missing:
        yield Warning(
            f"The cache {alias!r}, which holds cached sessions, has no {' and no '.join(missing)}: "
            "every visitor waits for a server that does not answer.",
            hint="Set it in the cache's OPTIONS; 0.5 seconds is plenty for a server nearby.",
            id="session_backend.W006",
        )


@register(TAG, Tags.files)
def check_geoip(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the database that the ``GEOIP_`` settings name."""
    problem = database_problem()
    if problem:
        yield Warning(
            f"The GeoIP database cannot be opened, so sessions have no location: {problem}",
            hint="Download one with download_geoip_db, or remove GEOIP_PATH.",
            id="session_backend.W007",
        )


@register(TAG, Tags.security, deploy=True)
def check_cookie(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the session cookie, as Django does only if its own session app is installed.

    Django's checks are security.W010 to security.W015.
    """
    if not settings.SESSION_COOKIE_SECURE:
        yield Warning(
            "SESSION_COOKIE_SECURE is not True: browsers send the session cookie over plain HTTP "
            "too, where others on the network can read it.",
            hint="Set it to True.",
            id="session_backend.W008",
        )
    if not settings.SESSION_COOKIE_HTTPONLY:
        yield Warning(
            "SESSION_COOKIE_HTTPONLY is not True: scripts in a page can read the session cookie.",
            hint="Remove the setting: Django's default is True.",
            id="session_backend.W009",
        )
    if cookie_prefix() != "__host-":
        yield Warning(
            f"SESSION_COOKIE_NAME is {settings.SESSION_COOKIE_NAME!r}: another site under the same "
            "domain, or a page over plain HTTP, can set this cookie.",
            hint="Set it to '__Host-sessionid'. Browsers then accept the cookie only from this "
            "host, with Secure, the path '/' and no domain. Everyone has to sign in again.",
            id="session_backend.W011",
        )
    if settings.SESSION_COOKIE_SAMESITE not in ("Lax", "Strict"):
        yield Warning(
            f"SESSION_COOKIE_SAMESITE is {settings.SESSION_COOKIE_SAMESITE!r}: browsers send the "
            "session cookie with requests that other sites make.",
            hint="Remove the setting: Django's default is 'Lax'.",
            id="session_backend.W012",
        )


@register(TAG, Tags.security)
def check_cookie_name(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check that browsers accept the session cookie under its name.

    RFC 6265bis, section 4.1.3, says what the prefixes of a name demand.
    """
    prefix = cookie_prefix()
    wrong = [] if settings.SESSION_COOKIE_SECURE else ["SESSION_COOKIE_SECURE is not True"]
    if prefix == "__host-":
        if settings.SESSION_COOKIE_DOMAIN:
            wrong.append("SESSION_COOKIE_DOMAIN is set")
        if settings.SESSION_COOKIE_PATH != "/":
            wrong.append("SESSION_COOKIE_PATH is not '/'")
    if prefix and wrong:
        yield Error(
            f"Browsers refuse a cookie named {settings.SESSION_COOKIE_NAME!r}, so nobody can sign "
            f"in: {', and '.join(wrong)}.",
            hint="Correct that, or give the cookie another name in SESSION_COOKIE_NAME.",
            id="session_backend.E027",
        )


def cookie_prefix() -> str:
    """Return what browsers take for a prefix of the session cookie's name, or ``""``."""
    # In any case: RFC 6265bis, section 5.7.
    name = settings.SESSION_COOKIE_NAME.lower()
    return next(filter(name.startswith, ("__host-", "__secure-")), "")


def limit_errors(name: str, id: str) -> Iterator[CheckMessage]:
    """Check a limit of a user's sessions."""
    value = conf.get(name)
    try:
        limit: Any = conf.get_limit(name)
    except Exception as error:
        problem = f"cannot be imported: {described(error)}"
    else:
        if value is None or is_positive(limit) or callable(limit):
            return
        problem = "is neither a number, 1 or more, nor the path of a function"
    yield Error(
        invalid(name, problem),
        hint="Give a whole number, 1 or more, or the dotted path of a function that takes a user "
        "and returns such a number or None.",
        id=id,
    )


def store_in_use() -> type[db.SessionStore] | None:
    """Return the site's store class, or None if it does not inherit from ours."""
    try:
        store = conf.session_store
    except Exception:
        return None
    return store if is_subclass(store, db.SessionStore) else None


def has_installed_model(store: Any) -> bool:
    """Tell whether the app of a store's model is installed; True for a store without a model."""
    if not hasattr(store, "get_model_class"):
        return True
    return store.get_model_class()._meta.app_config is not None


def address_of(alias: str) -> tuple[Any, ...]:
    """Return what identifies a database, which may have several aliases."""
    database = connections[alias].settings_dict
    return tuple(database[name] for name in ("ENGINE", "HOST", "PORT", "NAME"))


def is_given(option: str, cache: dict[str, Any]) -> bool:
    """Tell whether a cache has an option, in ``OPTIONS`` or in its URL."""
    options = cache.get("OPTIONS", {})
    # django-redis writes its own options in capitals, and passes on those of the pool.
    given = {**options.get("CONNECTION_POOL_KWARGS", {}), **options}
    if any(given.get(name) is not None for name in (option, option.upper())):
        return True
    return all(option in dict(parse_qsl(urlsplit(url).query)) for url in servers(cache))


def servers(cache: dict[str, Any]) -> list[str]:
    """Return the URLs of a cache, which Django separates by commas or semicolons."""
    location = cache.get("LOCATION", "")
    return re.split("[;,]", location) if isinstance(location, str) else list(location)


def imported(path: str) -> Any:
    """Return what a dotted path names, or None."""
    try:
        return import_string(path)
    except ImportError:
        return None


def is_subclass(value: Any, classes: type[Any] | tuple[type[Any], ...]) -> bool:
    """Tell whether a value is a class that inherits from one of these."""
    return isinstance(value, type) and issubclass(value, classes)


def invalid(name: str, problem: str) -> str:
    """Return the message about a setting whose value cannot be used."""
    return f"SESSION_BACKEND_{name} is {conf.get(name)!r} and {problem}."


def described(error: Exception) -> str:
    """Return an error with its type."""
    return f"{type(error).__name__}: {error}"
