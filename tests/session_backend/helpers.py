from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.models import F

from session_backend.conf import conf
from session_backend.models import Session
from tests.browsers import LAPTOP, make_request

__all__ = ["age_sessions", "execute_before", "fail_on", "login_data", "open_store", "save_session"]


def login_data(user: Any) -> dict[str, str]:
    """Return what Django's ``login()`` writes to a session."""
    return {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }


def open_store(key: str | None = None, meta: dict[str, str] = LAPTOP) -> Any:
    """Return a store of SESSION_ENGINE as the middleware sets it up."""
    store: Any = conf.session_store(key)
    store.request = make_request(meta)
    return store


def save_session() -> str:
    """Save a session with ``{"colour": "blue"}`` and return its key."""
    store = open_store()
    store["colour"] = "blue"
    store.save()
    return str(store.session_key)


def age_sessions() -> None:
    """Make all sessions an hour older, and let the cache expire."""
    columns = ("last_activity", "updated_at", "expire_date")
    Session.objects.update(**{column: F(column) - timedelta(hours=1) for column in columns})
    cache.clear()


def fail_on(verb: str) -> Callable[..., Any]:
    """Return an execute wrapper that fails statements that begin with a verb."""

    def wrapper(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if sql.startswith(verb):
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, *args)

    return wrapper


@contextmanager
def execute_before(verb: str, act: Callable[[], Any], *, after: str = "") -> Iterator[None]:
    """Call a function before the next such statement on sessions, as another process might.

    ``after`` is the verb of a statement that has to come first.
    """
    pending, is_ready = [act], not after
    table = connection.ops.quote_name(Session._meta.db_table)

    def wrapper(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        nonlocal is_ready
        if table in sql:
            if pending and is_ready and sql.startswith(verb):
                pending.pop()()
            is_ready = is_ready or sql.startswith(after)
        return execute(sql, *args)

    with connection.execute_wrapper(wrapper):
        yield
    assert not pending
