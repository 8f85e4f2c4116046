"""The tables of a run, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks import engines
from benchmarks.startup import Startup
from benchmarks.worker import Cost, Sample

__all__ = ["Figures", "Results", "size", "stack_section", "startup_table", "table"]

OURS, BASELINE = engines.OURS.name, engines.BASELINE.name
NOTHING = "\N{EN DASH}"
NO_COST = Cost(0, 0, 0, 0, 0)
NOISE = 1.03
"""A smaller difference between two engines may be noise."""


@dataclass
class Figures:
    """The samples of one operation on one site, round by round, and what a call cost."""

    rounds: list[list[Sample]] = field(default_factory=list)
    cost: Cost = NO_COST

    @property
    def cpu(self) -> float:
        """The median of all calls, in microseconds."""
        nanoseconds: float = median(sample.cpu for calls in self.rounds for sample in calls)
        return nanoseconds / 1000

    @property
    def wall(self) -> float:
        """See ``cpu``."""
        return median(sample.wall for calls in self.rounds for sample in calls) / 1000

    @property
    def slowest_call(self) -> float:
        """The ``cpu`` of the slowest: the first, second, ... call of each round."""
        places = zip(*self.rounds, strict=True)
        nanoseconds: float = max(median(sample.cpu for sample in place) for place in places)
        return nanoseconds / 1000

    @property
    def ratio_of_turns(self) -> float:
        """The CPU of the first, third, ... calls by that of the second, fourth, ..."""
        return ratio(
            Figures([calls[::2] for calls in self.rounds]),
            Figures([calls[1::2] for calls in self.rounds]),
        )


ByEngine = Mapping[str, Figures]
Results = dict[str, dict[str, Figures]]
"""By operation, then by engine."""
Cell = Callable[[Figures, ByEngine], str]


def ratio(figures: Figures, other: Figures) -> float:
    """Return how many times the other's CPU it takes.

    Each round is compared with the other's of the same moment, and the median of that is the
    answer: a machine that is slow for a while is slow for both.
    """
    rounds = zip(figures.rounds, other.rounds, strict=True)
    return median(
        median(sample.cpu for sample in mine) / median(sample.cpu for sample in theirs)
        for mine, theirs in rounds
    )


def average_read(steady: float, due: float, *, every: float, interval: float) -> float:
    """Return the mean cost of a request of a session with one request every so many seconds.

    One in an interval is due; where requests are rarer than that, all are.
    """
    share = min(1.0, every / interval)
    return due * share + steady * (1 - share)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all columns but the first hold numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def microseconds(value: float) -> str:
    """Return a time with its significant digits."""
    if value < 10_000:
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    return f"{value / 1000:,.1f} ms" if value < 100_000 else f"{value / 1000:,.0f} ms"


def size(value: float) -> str:
    """Return a number of bytes with its significant digits."""
    return f"{value / 2**10:,.0f} kB" if value < 10 * 2**20 else f"{value / 2**20:,.0f} MB"


def cpu(figures: Figures, by_engine: ByEngine) -> str:
    text = microseconds(figures.cpu)
    base = by_engine.get(BASELINE)
    return text if base in (None, figures) else f"{text} ({ratio(figures, base):.2f})"


def sent(figures: Figures, by_engine: ByEngine) -> str:
    cost = figures.cost
    transaction = f"+{cost.transaction}" if cost.transaction else ""
    return f"{cost.statements}{transaction} / {cost.commands}"


CELLS: dict[str, Cell] = {
    f"CPU of the web process, in microseconds; in brackets how many times {BASELINE}": cpu,
    "Statements, + those that only frame a transaction, / cache commands": sent,
    "Wall time, in microseconds": lambda figures, _: microseconds(figures.wall),
    "The most memory that Python's objects take in one call": lambda figures, _: size(
        figures.cost.memory
    ),
}
# Operations that compare two of our pages.
PAIRS = ("list-by-floor", "poll-by-read")
LISTS = ("list", "list-100", "page", "list-floor", "poll", "admin")
LIST_CELLS: dict[str, Cell] = {
    "Size of the page": lambda figures, _: size(figures.cost.bytes),
    "CPU at the call depth where the page takes longest": lambda figures, _: microseconds(
        figures.slowest_call
    ),
}


def matrix(
    results: Mapping[str, ByEngine], titles: Mapping[str, str], names: Sequence[str], cell: Cell
) -> str:
    """Return a table of operations by engines."""
    rows = [
        [titles[name]] + [cell(found[one], found) if one in found else NOTHING for one in names]
        for name, found in results.items()
    ]
    return table(["", *names], rows)


def losses(results: Results, titles: Mapping[str, str]) -> list[str]:
    """Name the operations in which ours takes more CPU than another, and by how much."""
    found = []
    for name, by_engine in results.items():
        mine = by_engine.get(OURS)
        if mine is None:
            continue
        times = {one: ratio(mine, other) for one, other in by_engine.items() if "ours" not in one}
        cheaper = [f"{more:.2f} times {one}" for one, more in times.items() if more > NOISE]
        if cheaper:
            found.append(f"{titles[name]}: {', '.join(cheaper)}")
    return found


def comparisons(results: Results, titles: Mapping[str, str]) -> list[list[str]]:
    """Compare our operations with each other, if they were measured."""
    pairs = {name: results[name][OURS] for name in PAIRS if OURS in results.get(name, {})}
    rows = [[titles[name], f"{pair.ratio_of_turns:.2f}"] for name, pair in pairs.items()]
    steady, due = (results.get(name, {}).get(OURS) for name in ("read", "read-due"))
    base = results.get("read", {}).get(BASELINE)
    if steady and due and base:
        mean = average_read(steady.cpu, due.cpu, every=10, interval=60)
        text = "the average read of a session with a request every 10 s, by Django's"
        rows.append([text, f"{mean / base.cpu:.2f}"])
    return rows


def stack_section(
    title: str, results: Results, titles: Mapping[str, str], names: Sequence[str]
) -> str:
    """Return all tables of a stack."""
    single = {name: found for name, found in results.items() if name not in PAIRS}
    lists = {name: found for name, found in single.items() if name in LISTS}
    parts = [f"### {title}"]
    for caption, cell in CELLS.items():
        parts += [f"**{caption}**", matrix(single, titles, names, cell)]
    for caption, cell in LIST_CELLS.items() if lists else ():
        parts += [f"**{caption}**", matrix(lists, titles, names, cell)]
    if rows := comparisons(results, titles):
        parts += ["**Our own operations compared (CPU)**", table(["", "times"], rows)]
    if lost := losses(single, titles):
        items = "\n".join(f"- {loss}" for loss in lost)
        parts += [f"**Where {OURS} takes more CPU than another**", items]
    return "\n\n".join(parts)


def startup_table(found: Mapping[str, Sequence[Startup]]) -> str:
    """Return the table of start-up costs."""
    rows = []
    for name, startups in found.items():
        middle = Startup(*map(median, zip(*startups, strict=True)))
        rows.append(
            [
                name,
                f"{middle.setup * 1000:.0f}",
                size(middle.setup_memory),
                f"{middle.handler * 1000:.0f}",
                f"{middle.first_request * 1000:.0f}",
                size(middle.memory),
            ]
        )
    head = ["CPU and memory", "`django.setup()`, ms", "then", "handler, ms", "first request, ms"]
    return table([*head, "then"], rows)
