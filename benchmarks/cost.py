"""What one call sends to the servers, how much memory it takes, and what stays in the cache."""

from __future__ import annotations

import logging
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.core.cache import caches

__all__ = ["cached_bytes", "counted", "peak_memory"]

TRANSACTION = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}
COMMANDS = (
    *("add", "delete", "delete_many", "get", "get_many"),
    *("has_key", "incr", "set", "set_many", "touch"),
)
_is_inside: ContextVar[bool] = ContextVar("is_inside", default=False)


class StatementHandler(logging.Handler):
    """Counts the statements that Django logs, in every thread."""

    def __init__(self, tally: Counter[str]) -> None:
        super().__init__()
        self.tally = tally

    def emit(self, record: logging.LogRecord) -> None:
        verb, *_ = str(getattr(record, "sql", None) or "-").rstrip(";").upper().split()
        self.tally["transaction" if verb in TRANSACTION else "statements"] += verb != "-"


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count statements, those that only frame a transaction, and cache commands."""
    tally = Counter[str]()
    logger, handler = logging.getLogger("django.db.backends"), StatementHandler(tally)
    backend = type(caches["default"])
    with ExitStack() as stack:
        # Connections log their statements while this is set.
        stack.enter_context(patch.object(settings, "DEBUG", True))
        for name in COMMANDS:
            stack.enter_context(patch.object(backend, name, counting(backend, name, tally)))
        stack.enter_context(patch.object(logger, "propagate", False))
        stack.callback(logger.setLevel, logger.level)
        stack.callback(logger.removeHandler, handler)
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        yield tally


def counting(backend: type, name: str, tally: Counter[str]) -> Callable[..., Any]:
    """Return a method that counts its calls, but not the calls that it makes itself."""
    original = getattr(backend, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_inside.get():
            return original(self, *args, **kwargs)
        tally["commands"] += 1
        token = _is_inside.set(True)
        try:
            return original(self, *args, **kwargs)
        finally:
            _is_inside.reset(token)

    return method


def peak_memory(call: Callable[[], Any]) -> int:
    """Return the peak memory of the Python objects of a call, in bytes."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    call()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return peak


def cached_bytes() -> int:
    """Return how many bytes this site's keys take in Redis, with its own overhead."""
    import redis

    cache: Any = settings.CACHES["default"]
    server: Any = redis.from_url(cache["LOCATION"])
    keys = server.scan_iter(match=f"{cache['KEY_PREFIX']}:*", count=1000)
    return sum(server.memory_usage(key) for key in keys)
