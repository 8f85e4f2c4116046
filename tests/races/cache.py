"""A cache server of the tests' own: every key of every command is a step, time is the tests'."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Hashable, Iterable, Mapping
from io import BytesIO
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from tests.races.clock import clock
from tests.races.explorer import performer, step

__all__ = ["Server", "SteppedCache", "servers"]


class Server:
    """What is in the cache: pickled values, and when they expire."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[bytes, float | None]] = {}

    def get(self, key: str) -> bytes | None:
        value, expires = self.values.get(key, (None, None))
        return None if expires is not None and expires <= clock.seconds() else value

    def put(self, key: str, value: bytes, seconds: float | None) -> None:
        if seconds is None or seconds > 0:
            self.values[key] = (value, None if seconds is None else clock.seconds() + seconds)
        else:
            self.values.pop(key, None)

    def add(self, key: str, value: bytes, seconds: float | None) -> bool:
        is_missing = self.get(key) is None
        if is_missing:
            self.put(key, value, seconds)
        return is_missing

    def drop(self, key: str) -> bool:
        return self.values.pop(key, None) is not None

    def lose(self, ending: str = "") -> None:
        """Lose every key with this ending, as by an eviction or a restart."""
        self.values = {key: v for key, v in self.values.items() if not key.endswith(ending)}


class Servers:
    """One server for all performers, or one in each of their processes."""

    def __init__(self) -> None:
        self.are_apart = False
        self.all = [Server() for _ in range(4)]

    @property
    def here(self) -> Server:
        player = performer()
        return self.all[player.number if player is not None and self.are_apart else 0]

    def state(self) -> Hashable:
        return tuple(tuple(sorted(server.values.items())) for server in self.all)


servers = Servers()


class SteppedCache(BaseCache):
    """The client of the servers.

    A command with several keys takes a step for each: on memcached they may lie on several
    machines, and Django's local memory cache takes one after the other. A command that is atomic
    is among the orders: in it, the steps follow each other.
    """

    # Whether a command with several keys begins with the last.
    is_backwards = False

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        name = self.make_and_validate_key(key, version)
        value = self._step(lambda: servers.here.get(name))
        return default if value is None else pickle.loads(value)

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        missing = object()
        found = {key: self.get(key, missing, version) for key in self._in_turn(keys)}
        return {key: value for key, value in found.items() if value is not missing}

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        arguments = self._packed(key, value, timeout, version)
        self._step(lambda: servers.here.put(*arguments))

    def set_many(
        self, data: Mapping[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[str]:
        for key in self._in_turn(data):
            self.set(key, data[key], timeout, version)
        return []

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        arguments = self._packed(key, value, timeout, version)
        return bool(self._step(lambda: servers.here.add(*arguments)))

    def delete(self, key: str, version: int | None = None) -> bool:
        name = self.make_and_validate_key(key, version)
        return bool(self._step(lambda: servers.here.drop(name)))

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        for key in self._in_turn(keys):
            self.delete(key, version)

    def clear(self) -> None:
        self._step(lambda: servers.here.lose())

    def _packed(
        self, key: str, value: Any, timeout: Any, version: int | None
    ) -> tuple[str, bytes, float | None]:
        seconds = 300 if timeout is DEFAULT_TIMEOUT else timeout
        return self.make_and_validate_key(key, version), pickled(value), seconds

    def _in_turn(self, keys: Iterable[str]) -> list[str]:
        return list(keys)[::-1] if self.is_backwards else list(keys)

    def _step(self, action: Callable[[], Any]) -> Any:
        answer = step(action)
        player = performer()
        if player is not None:
            player.answers.append(answer)
        return answer


def pickled(value: Any) -> bytes:
    """Return the same bytes for what is equal, whether or not parts of it are the same object."""
    file = BytesIO()
    pickler = pickle.Pickler(file)
    pickler.fast = True
    pickler.dump(value)
    return file.getvalue()
