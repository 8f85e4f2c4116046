"""Django's test classes with our stores, our model and our middleware instead of its own.

A test of something we decided to do differently is expected to fail, for the reason given. If it
passes one day, the run fails, and its line has to go.
"""

from __future__ import annotations

from typing import Any
from unittest import expectedFailure

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.test import override_settings
from sessions_tests import tests as django_tests  # type: ignore[import-not-found]

from session_backend.backends import cached_db, db
from session_backend.middleware import SessionMiddleware
from session_backend.models import Session
from tests.django_suite import models

DIGESTS = "the text of a row is its digest: only the cookie holds the key"
INTERNALS = "it names the logger and an attribute of Django's store; ours has its own logger"

EXPECTED_FAILURES = {
    "test_session_str": DIGESTS,
    "test_exists_searches_cache_first": "exists() asks the database; no request calls it",
    "test_non_default_cache": "a missing alias is a cache that fails: it is logged, and no error",
    "test_cache_set_failure_non_fatal": INTERNALS,
    "test_cache_async_set_failure_non_fatal": INTERNALS,
}

# The tests of the middleware use the names that their module imported.
django_tests.SessionMiddleware = SessionMiddleware
django_tests.Session = Session
django_tests.DatabaseSession = db.SessionStore


def adapted(name: str, base: Any, **attributes: Any) -> Any:
    """Return a test class of Django's with these attributes, run without time zones."""
    for test in EXPECTED_FAILURES:
        if hasattr(base, test):
            attributes[test] = expectedFailure(awaited(getattr(base, test)))
    case = type(name, (base,), {"__module__": __name__, **attributes})
    return override_settings(USE_TZ=False)(case)


def awaited(test: Any) -> Any:
    # Django itself turns a coroutine into a function, and loses the mark of expectedFailure.
    if not iscoroutinefunction(test):
        return lambda case: test(case)
    return lambda case: async_to_sync(test)(case)


def with_time_zones(case: Any) -> Any:
    return override_settings(USE_TZ=True)(type(f"{case.__name__}WithTimeZones", (case,), {}))


DatabaseTests = adapted(
    "DatabaseTests",
    django_tests.DatabaseSessionTests,
    backend=db.SessionStore,
    session_engine="session_backend.backends.db",
)
CachedDatabaseTests = adapted(
    "CachedDatabaseTests",
    django_tests.DatabaseSessionTests,
    backend=cached_db.SessionStore,
    session_engine="session_backend.backends.cached_db",
)
CacheTests = adapted("CacheTests", django_tests.CacheDBSessionTests, backend=cached_db.SessionStore)
CustomTests = adapted(
    "CustomTests",
    django_tests.CustomDatabaseSessionTests,
    backend=models.SessionStore,
    session_engine="tests.django_suite.models",
)
MiddlewareTests = adapted("MiddlewareTests", django_tests.SessionMiddlewareTests)

DatabaseTestsWithTimeZones = with_time_zones(DatabaseTests)
CachedDatabaseTestsWithTimeZones = with_time_zones(CachedDatabaseTests)
CacheTestsWithTimeZones = with_time_zones(CacheTests)
CustomTestsWithTimeZones = with_time_zones(CustomTests)
MiddlewareTestsWithTimeZones = with_time_zones(MiddlewareTests)
