"""A cache that fails as it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache

__all__ = ["FAILING", "FailingCache"]


class FailingCache(LocMemCache):
    """Local memory that asks before each command whether it may succeed."""

    # Called with the number of the command and its name; what it raises, the command does.
    trouble: Callable[[int, str], None]
    commands: list[str] = []
    # The number of the last command that failed.
    failed = -1
    _depth = 0

    def _try(self, command: str, *args: Any, **kwargs: Any) -> Any:
        # get_many() calls get() for each key and so on: what the caller sent is one command.
        if not self._depth:
            self.commands.append(command)
            type(self).trouble(len(self.commands) - 1, command)
        self._depth += 1
        try:
            return getattr(super(), command)(*args, **kwargs)
        finally:
            self._depth -= 1

    def let_an_interval_pass(self) -> None:
        """Lose the copies, which live no longer, and keep the markers, which do."""
        values: dict[str, Any] = self._cache  # type: ignore[attr-defined]
        for key in [key for key in values if not key.endswith(":revoked")]:
            del values[key]
            del self._expire_info[key]  # type: ignore[attr-defined]

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("add", *args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("set", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("delete", *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("get_many", *args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("set_many", *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("delete_many", *args, **kwargs)


FAILING = {
    "default": {"BACKEND": "tests.races.outage.FailingCache", "LOCATION": "failing"},
}
