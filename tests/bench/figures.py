"""What is made of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

__all__ = ["Figures", "average", "ratio"]

Round = Sequence[tuple[int, int]]


@dataclass
class Figures:
    """The samples of one operation of one site, round by round, and what it sent."""

    rounds: list[Round] = field(default_factory=list)
    statements: int = 0
    transaction: int = 0
    commands: int = 0
    memory: int = 0

    @property
    def cpu(self) -> float:
        """The median of all calls, in microseconds."""
        return median(cpu for calls in self.rounds for cpu, _ in calls) / 1000

    @property
    def wall(self) -> float:
        """See cpu."""
        return median(wall for calls in self.rounds for _, wall in calls) / 1000

    def cpu_of_rounds(self) -> list[float]:
        """The median of each round."""
        return [median(cpu for cpu, _ in calls) for calls in self.rounds]


def ratio(figures: Figures, other: Figures) -> float:
    """Return how many times the CPU of the other it takes.

    Each round is compared with the other's of the same moment, and the median of that is the
    answer: a machine that is slow for a while is slow for both.
    """
    pairs = zip(figures.cpu_of_rounds(), other.cpu_of_rounds(), strict=True)
    return median(mine / theirs for mine, theirs in pairs)


def average(steady: float, due: float, *, every: float, interval: float) -> float:
    """Return the mean cost of a request of a session with one request every so many seconds.

    One in an interval is due; where requests are rarer than that, all are.
    """
    share = min(1.0, every / interval)
    return due * share + steady * (1 - share)
