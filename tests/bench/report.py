"""The tables of a run, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from tests.bench.copies import Copies
from tests.bench.engines import BASELINE, OURS
from tests.bench.figures import Figures, average, ratio
from tests.bench.startup import Beginning

__all__ = [
    "beside",
    "copies_section",
    "losses",
    "matrix",
    "stack_section",
    "startup_section",
    "table",
]

ByEngine = Mapping[str, Figures]
Results = Mapping[str, ByEngine]
Cell = Callable[[Figures, ByEngine], str]
NOTHING = "\N{EN DASH}"
NOISE = 1.03
"""Less than that between two engines is as likely the machine's doing."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all columns but the first hold numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def microseconds(value: float) -> str:
    """Return a time with as many digits as mean something."""
    if value < 10_000:
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    return f"{value / 1000:,.1f} ms" if value < 100_000 else f"{value / 1000:,.0f} ms"


def size(value: float) -> str:
    """Return a number of bytes likewise."""
    return f"{value / 2**10:,.0f} kB" if value < 10 * 2**20 else f"{value / 2**20:,.0f} MB"


def cpu(figures: Figures, by_engine: ByEngine) -> str:
    text = microseconds(figures.cpu)
    base = by_engine.get(BASELINE)
    return text if base in (None, figures) else f"{text} ({ratio(figures, base):.2f})"


def wall(figures: Figures, by_engine: ByEngine) -> str:
    return microseconds(figures.wall)


def sent(figures: Figures, by_engine: ByEngine) -> str:
    framed = f"+{figures.transaction}" if figures.transaction else ""
    return f"{figures.statements}{framed} / {figures.commands}"


def memory(figures: Figures, by_engine: ByEngine) -> str:
    return size(figures.memory)


CELLS: dict[str, Cell] = {
    f"CPU of the web process, in microseconds; in brackets how many times {BASELINE}": cpu,
    "Statements, + those that only frame a transaction, / cache commands": sent,
    "Wall time, in microseconds": wall,
    "The most memory that Python's objects take in one call": memory,
}


def matrix(results: Results, titles: Mapping[str, str], engines: Sequence[str], cell: Cell) -> str:
    """Return a table of operations by engines."""
    rows = [
        [titles[name]] + [cell(found[one], found) if one in found else NOTHING for one in engines]
        for name, found in results.items()
    ]
    return table(["", *engines], rows)


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


def beside(results: Results) -> list[list[str]]:
    """Set operations of ours beside each other, as far as they were measured."""
    compared = {
        "device list, by how many times the plain template's": ("list", OURS, "list-plain", OURS),
        "unchanged poll, by our trivial signed-in view": ("poll", OURS, "read", OURS),
        "unchanged poll, by the same view of Django's": ("poll", OURS, "read", BASELINE),
        "the once-an-interval read, by ours in between": ("read-due", OURS, "read", OURS),
    }
    rows = []
    for text, (name, engine, other, its) in compared.items():
        mine, theirs = results.get(name, {}).get(engine), results.get(other, {}).get(its)
        if mine and theirs:
            rows.append([text, f"{mine.cpu / theirs.cpu:.2f}"])
    steady, due = (results.get(name, {}).get(OURS) for name in ("read", "read-due"))
    base = results.get("read", {}).get(BASELINE)
    if steady and due and base:
        mean = average(steady.cpu, due.cpu, every=10, interval=60)
        text = "the average read of a session with a request every 10 s, by Django's"
        rows.append([text, f"{mean / base.cpu:.2f}"])
    return rows


def stack_section(
    title: str, results: Results, titles: Mapping[str, str], engines: Sequence[str]
) -> str:
    """Return all tables of a stack."""
    parts = [f"### {title}"]
    for caption, cell in CELLS.items():
        parts += [f"**{caption}**", matrix(results, titles, engines, cell)]
    rows = beside(results)
    if rows:
        parts += ["**Our own operations beside each other (CPU)**", table(["", "times"], rows)]
    lost = losses(results, titles)
    if lost:
        parts += [
            f"**Where {OURS} takes more CPU than another**",
            "\n".join(f"- {loss}" for loss in lost),
        ]
    return "\n\n".join(parts)


def copies_section(copies: Mapping[str, Copies]) -> str:
    """Return the table of what the cache holds."""
    rows = [[name, f"{found.alive:.0f}", f"{found.revoked:.0f}"] for name, found in copies.items()]
    return table(["bytes of Redis for a session", "signed in", "revoked"], rows)


def startup_section(beginnings: Mapping[str, Sequence[Beginning]]) -> str:
    """Return the table of what a process pays once."""
    head = [
        "CPU and memory",
        "`django.setup()`, ms",
        "then",
        "handler, ms",
        "first request, ms",
        "then",
    ]
    rows = []
    for name, found in beginnings.items():
        middle = Beginning(
            *(median(values) for values in zip(*map(figures_of, found), strict=True))
        )
        rows.append(
            [
                name,
                f"{middle.setup * 1000:.0f}",
                size(middle.setup_memory),
                f"{middle.handler * 1000:.0f}",
                f"{middle.first_request * 1000:.0f}",
                size(middle.memory),
                f"{middle.new_agent:.0f}" if middle.new_agent else NOTHING,
            ]
        )
    return table([*head, "a new user agent, µs"], rows)


def figures_of(beginning: Beginning) -> list[float]:
    return [value or 0 for value in beginning]
