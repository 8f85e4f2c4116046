"""Cache backends for tests."""

from __future__ import annotations

from functools import partialmethod
from typing import Any, NamedTuple

from django.core.cache.backends.locmem import LocMemCache

__all__ = ["RECORDING", "Call", "RecordingCache", "SharedCache"]


class SharedCache(LocMemCache):
    """Counts as a cache that all processes share, since it is not LocMemCache itself."""


class Call(NamedTuple):
    command: str
    args: tuple[Any, ...]


class RecordingCache(LocMemCache):
    """Records each command; can be made to fail."""

    calls: list[Call] = []
    is_down = False
    # Commands that fail, as writes do on a Redis that is full.
    refused: frozenset[str] = frozenset()
    _depth = 0

    def _record(self, command: str, *args: Any, **kwargs: Any) -> Any:
        # get_many() calls get() for each key, for example: the caller sent one command.
        if not self._depth:
            self.calls.append(Call(command, args))
            if self.is_down or command in self.refused:
                raise ConnectionError("the cache is down")
        self._depth += 1
        try:
            return getattr(super(), command)(*args, **kwargs)
        finally:
            self._depth -= 1

    add = partialmethod(_record, "add")
    get = partialmethod(_record, "get")
    set = partialmethod(_record, "set")
    touch = partialmethod(_record, "touch")
    delete = partialmethod(_record, "delete")
    has_key = partialmethod(_record, "has_key")
    incr = partialmethod(_record, "incr")
    get_many = partialmethod(_record, "get_many")
    set_many = partialmethod(_record, "set_many")
    delete_many = partialmethod(_record, "delete_many")


RECORDING = {
    "default": {
        "BACKEND": "tests.session_backend.caches.RecordingCache",
        "LOCATION": "recording",
    }
}
