"""What one call sends to the servers, and how much memory it takes."""

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

__all__ = ["counted", "peak_memory"]

TRANSACTION = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}
COMMANDS = (
    "add",
    "delete",
    "delete_many",
    "get",
    "get_many",
    "has_key",
    "incr",
    "set",
    "set_many",
    "touch",
)


class Statements(logging.Handler):
    """Counts what Django logs of its connections, in whatever thread they are."""

    def __init__(self, tally: Counter[str]) -> None:
        super().__init__()
        self.tally = tally

    def emit(self, record: logging.LogRecord) -> None:
        sql = str(getattr(record, "sql", "")).split(maxsplit=1)
        verb = sql[0].rstrip(";").upper() if sql else ""
        if verb:
            self.tally["transaction" if verb in TRANSACTION else "statements"] += 1


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count statements, those that only frame a transaction, and commands to the cache."""
    tally = Counter[str]()
    logger, handler = logging.getLogger("django.db.backends"), Statements(tally)
    backend = type(caches["default"])
    with ExitStack() as stack:
        # Connections log what they are told while this is set.
        stack.enter_context(patch.object(settings, "DEBUG", True))
        for name in COMMANDS:
            stack.enter_context(patch.object(backend, name, noted(backend, name, tally)))
        level, propagate = logger.level, logger.propagate
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        try:
            yield tally
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


_is_inside: ContextVar[bool] = ContextVar("is_inside", default=False)


def noted(backend: type, name: str, tally: Counter[str]) -> Callable[..., Any]:
    """Return a method that counts itself, and not those that it calls in its turn."""
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


@contextmanager
def peak_memory(peak: list[int]) -> Iterator[None]:
    """Append the most bytes of Python objects that the block had at once."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield
    finally:
        peak.append(tracemalloc.get_traced_memory()[1] - before)
        tracemalloc.stop()
