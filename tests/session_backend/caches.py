"""A cache that writes down what it is told, and that can be switched off."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core.cache.backends.locmem import LocMemCache

__all__ = ["RECORDING", "Call", "RecordingCache"]


class Call(NamedTuple):
    command: str
    args: tuple[Any, ...]


class RecordingCache(LocMemCache):
    """Local memory that notes each command, in the order of the calls."""

    calls: list[Call] = []
    is_down = False
    _depth = 0

    def _note(self, command: str, *args: Any, **kwargs: Any) -> Any:
        # get_many() calls get() for each key and so on: what the caller sent is one command.
        if not self._depth:
            self.calls.append(Call(command, args))
            if self.is_down:
                raise ConnectionError("the cache is down")
        self._depth += 1
        try:
            return getattr(super(), command)(*args, **kwargs)
        finally:
            self._depth -= 1

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("add", *args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("set", *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("touch", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("delete", *args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("has_key", *args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("incr", *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("get_many", *args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("set_many", *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._note("delete_many", *args, **kwargs)


RECORDING = {
    "default": {
        "BACKEND": "tests.session_backend.caches.RecordingCache",
        "LOCATION": "recording",
    }
}
