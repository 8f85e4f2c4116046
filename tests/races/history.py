"""The rows during a run, the writes that were acknowledged, and what loads returned.

Django's ``db`` engine reads the row at each load. So it keeps a write from nobody who loads after
it was acknowledged: after ``save()`` returned, or its transaction was committed. That is asked of
every engine: a load never returns a version older than the last one that was acknowledged when
the load began, and an acknowledged version was in the row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from tests.races.explorer import actor, do_nothing

__all__ = ["LET_IN", "LOST", "REFUSED", "History"]

LET_IN = "a revoked session is let in"
LOST = "an acknowledged write is lost"
REFUSED = "a live session is not let in"


class History:
    """The versions that each session key has had, and who wrote them."""

    def __init__(self, versions: Mapping[str, Hashable]) -> None:
        # The invariants that loads and writes broke.
        self.broken: frozenset[str] = frozenset()
        self._versions: defaultdict[str, list[tuple[Hashable, int | None]]]
        self._versions = defaultdict(lambda: [(None, None)])
        self._versions.update({key: [(version, None)] for key, version in versions.items()})
        # For each key, the index of the last version that was acknowledged; the first one was.
        self._acknowledged = defaultdict[str, int](int)
        # For each load that is under way: its key, and what was acknowledged when it began.
        self._loads: dict[int, tuple[str, int]] = {}

    def observe(self, versions: Mapping[str, Hashable]) -> None:
        """Record the rows as they are now."""
        for key in {**self._versions, **versions}:
            if versions.get(key) != self._versions[key][-1][0]:
                self._versions[key].append((versions.get(key), number()))

    def acknowledge(self, key: str = "", version: Hashable = None) -> None:
        """Record that an actor's writes were acknowledged, this version among them."""
        for name, versions in self._versions.items():
            own = [i for i, (_, writer) in enumerate(versions) if writer == number()]
            self._acknowledged[name] = max([self._acknowledged[name], *own])
        if version is not None and (version, number()) not in self._versions[key]:
            self.broken |= {LOST}

    def latest(self, key: str) -> Hashable:
        """Return the last version under a key, even if it is gone."""
        return next((row for row, _ in reversed(self._versions[key]) if row is not None), None)

    def load(
        self, key: str, load: Callable[[], Any], begin: Callable[[], None] = do_nothing
    ) -> None:
        """Load a session, and compare it with what was acknowledged before.

        ``begin`` is called when the first step of that is taken.
        """
        worker = actor()
        assert worker is not None

        def note() -> None:
            self._loads[number()] = key, self._acknowledged[key]
            begin()

        worker.before_step(note)
        version = load()
        key, since = self._loads.pop(worker.number)
        known = {row for row, _ in self._versions[key][since:]}
        if version not in known:
            self.broken |= {LET_IN if known == {None} else LOST if version else REFUSED}

    def state(self) -> Hashable:
        """Return the state that can still affect the outcome."""
        versions = [(k, tuple(v[self._acknowledged[k] :])) for k, v in self._versions.items()]
        loads = [(n, tuple(self._versions[k][i:])) for n, (k, i) in self._loads.items()]
        return frozenset(versions), frozenset(loads), self.broken


def number() -> int:
    worker = actor()
    return worker.number if worker else -1
