"""A cache whose commands are steps, and the clock that it shares with the sessions."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from tests.races.explorer import LOST_ANSWER, REFUSED, actor, step

__all__ = ["SteppedCache", "clock", "server"]


class Clock:
    """A clock that stands still during a run."""

    START = datetime(2031, 1, 1, tzinfo=timezone.utc)

    def __init__(self) -> None:
        self.passed = 0.0
        # How far the clocks of the actors' machines are ahead, in seconds.
        self.ahead: dict[int, float] = {}

    def now(self) -> datetime:
        """Return the time on the caller's machine; no two actors get the same."""
        worker = actor()
        skew = (worker.number + 1) / 1000 + self.ahead.get(worker.number, 0) if worker else 0
        return self.START + timedelta(seconds=self.passed + skew)


clock = Clock()


class Server:
    """The entries of the cache, each with the second at which it expires."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[bytes, float]] = {}
        # Whether it refuses to write: Redis at its ``maxmemory`` reads and deletes.
        self.is_full = False
        # Whether a command with several keys begins with the last.
        self.is_backwards = False
        self.on_step: Callable[[], None] = lambda: None

    def get(self, name: str) -> bytes | None:
        value, expires = self.entries.get(name, (None, 0))
        return value if expires > clock.passed else None

    def put(self, name: str, value: object, timeout: Any, *, adds: bool = False) -> bool:
        if self.is_full:
            raise ConnectionError("command not allowed when used memory > 'maxmemory'.")
        if adds and self.get(name) is not None:
            return False
        seconds = 300 if timeout is DEFAULT_TIMEOUT else timeout
        self.entries[name] = pickled(value), clock.passed + seconds
        return True

    def drop(self, name: str) -> bool:
        return self.entries.pop(name, None) is not None

    def lose(self, ending: str = "") -> None:
        """Lose the entries with this ending, as after an eviction or a restart."""
        self.entries = {k: entry for k, entry in self.entries.items() if not k.endswith(ending)}

    def in_order(self, keys: Iterable[str]) -> list[str]:
        return list(keys)[::-1] if self.is_backwards else list(keys)


server = Server()


class SteppedCache(BaseCache):
    """Django's interface to the server.

    A command with several keys takes a step for each, as Django's commands do by default: on
    memcached the keys may lie on several machines. The schedules in which these steps follow each
    other are those of an atomic command.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        value = self._step("get", key, server.get, [REFUSED])
        return default if value is None else pickle.loads(value)

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        self._step("set", key, lambda name: server.put(name, value, timeout))

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        return bool(
            self._step("add", key, lambda name: server.put(name, value, timeout, adds=True))
        )

    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(self._step("delete", key, server.drop))

    def clear(self) -> None:
        self._step("clear", "", lambda name: server.lose())

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        return super().get_many(server.in_order(keys))

    def set_many(self, data: Mapping[str, Any], *args: Any, **kwargs: Any) -> list[Any]:
        return super().set_many({key: data[key] for key in server.in_order(data)}, *args, **kwargs)

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        super().delete_many(server.in_order(keys))

    def _step(
        self,
        command: str,
        key: str,
        action: Callable[[str], Any],
        failures: Any = (REFUSED, LOST_ANSWER),
    ) -> Any:
        name = self.make_and_validate_key(key)
        try:
            answer = step(lambda: action(name), f"cache {command} {name}", failures=failures)
        finally:
            server.on_step()
        if worker := actor():
            worker.answers.append(answer)
        return answer


def pickled(value: object) -> bytes:
    """Return the same bytes for equal values, whether or not parts of them are identical."""
    file = BytesIO()
    pickler = pickle.Pickler(file)
    pickler.fast = True
    pickler.dump(value)
    return file.getvalue()
