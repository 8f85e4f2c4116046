"""Time as the tests want it: it stands still while actors take their steps."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from tests.races.explorer import performer

__all__ = ["clock"]


class Clock:
    """One moment for everybody, but that no two performers write the same time."""

    START = datetime(2031, 1, 1, tzinfo=timezone.utc)

    def __init__(self) -> None:
        self._now = self.START
        # How far the clocks of the performers' machines are ahead, in seconds.
        self.ahead: dict[int, float] = {}

    def now(self) -> datetime:
        """Return the time of the machine that asks."""
        player = performer()
        if player is None:
            return self._now
        own = (player.number + 1) / 1000 + self.ahead.get(player.number, 0)
        return self._now + timedelta(seconds=own)

    def seconds(self) -> float:
        """Return the time of the cache server."""
        return self._now.timestamp()

    def restart(self) -> None:
        self._now = self.START

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


clock = Clock()
