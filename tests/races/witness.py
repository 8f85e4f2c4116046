"""What was seen of one session while actors played, and which saves are lost.

Django's ``db`` engine reads the row at each load. So it keeps a save from everybody who loads
after it, and what two loaded before either saved is the only thing that it loses. Two readings of
"no save was lost that Django's own ``db`` engine would have kept":

*answered*: a load never gives a version that is older than the last save which had been answered
(``save()`` had returned, in a transaction: that had been committed) when the load began. Whoever
was told that something is saved finds it there, and saves on top of it.

*literal*: a load gives a version that the row had at some moment between the beginning and the
end of the load, as a SELECT at that moment would. This also forbids a load that begins *during*
a save to give the version before it, though the row has the new one already and nobody has been
told so.

Both hold of Django's ``db`` engine in every order; that is a test. The literal one takes two
writes to the cache for each save: one before the UPDATE, for from then on the old copy is wrong,
and one after it, if the next load is not to need a query. With one write, :attr:`Witness.late`
counts the loads that fall into the gap.

What the database itself ends with needs no witness: the last UPDATE. So at the end of a play
every key has to load what its row says, and that covers the saves that were answered last.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from tests.races.explorer import performer

__all__ = ["Witness"]


class Witness:
    """The versions that a row has had, who wrote them, and what loads made of them."""

    def __init__(self, version: Hashable) -> None:
        self.versions = [version]
        self.writers: list[int | None] = [None]
        self.lost = 0
        self.late = 0
        # The last version whose writer has been told so, or that which a play began with.
        self._answered = 0
        self._loads: dict[int, tuple[int, int]] = {}

    def committed(self, version: Hashable) -> None:
        """Take note of what the row says now."""
        if version != self.versions[-1]:
            player = performer()
            self.versions.append(version)
            self.writers.append(player.number if player else None)

    def answered(self) -> None:
        """Take note that this performer has been told that its write is done."""
        player = performer()
        own = [i for i, n in enumerate(self.writers) if player and n == player.number]
        self._answered = max([self._answered, *own])

    def loads(self, load: Callable[[], Any]) -> Any:
        """Take note of a load, from its first step to its last."""
        player = performer()
        assert player is not None
        number = player.number

        def begin() -> None:
            self._loads[number] = len(self.versions) - 1, self._answered

        player.at_next_turn = begin
        version = load()
        begun, answered = self._loads.pop(number)
        self.late += version not in self.versions[begun:]
        self.lost += version not in self.versions[answered:]
        return version

    def state(self) -> Hashable:
        """Return all that a later verdict may depend on."""
        since = self._answered
        loads = [
            (number, tuple(self.versions[begun:]), tuple(self.versions[answered:]))
            for number, (begun, answered) in sorted(self._loads.items())
        ]
        answered = tuple(self.versions[since:]), tuple(self.writers[since:])
        return answered, tuple(loads), self.lost, self.late
