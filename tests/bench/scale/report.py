"""The tables and plans of a run, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.bench.figures import Figures
from tests.bench.report import size, table
from tests.bench.scale.plans import Plan
from tests.bench.scale.storage import Stamps

__all__ = ["indexes_section", "plans_section", "stamps_section", "times_section"]

Results = Mapping[str, Mapping[str, Figures]]
GOAL = 1.3


def times_section(
    results: Results, titles: Mapping[str, str], sizes: Sequence[str], scans: set[str]
) -> str:
    """Return the times at each size, and how many times the smallest's is the largest's."""
    rows = []
    for name, by_size in results.items():
        times = [by_size[one].wall / 1000 for one in sizes]
        growth = times[-1] / times[0]
        title = titles[name]
        note = " (a scan)" if title in scans else ""
        missed = "" if growth <= GOAL else " *"
        rows.append([title + note, *(f"{time:,.1f}" for time in times), f"{growth:.2f}{missed}"])
    head = ["whole calls, median of the wall time in ms", *(f"{int(one):,}" for one in sizes)]
    return table([*head, "times"], rows)


def indexes_section(
    stored: Mapping[str, Mapping[str, int]], plans: Mapping[str, Sequence[Plan]], rows: str
) -> str:
    """Return the size of the table and of each index at the largest size, and who uses it."""
    used: dict[str, list[str]] = {}
    for title, found in plans.items():
        for index in sorted(set().union(*(plan.indexes for plan in found))):
            used.setdefault(index, []).append(title)
    number = int(rows)
    lines = []
    for name, taken in stored[rows].items():
        users = used.get(name, [])
        shown = "; ".join(users[:4]) + (f"; {len(users) - 4} more" if len(users) > 4 else "")
        lines.append([f"`{name}`", size(taken), f"{taken / number:.0f}", shown])
    return table([f"at {number:,} rows", "size", "bytes a row", "used by"], lines)


def stamps_section(found: Mapping[str, Stamps], rows: str) -> str:
    """Return how many of the stamps left the indexes alone, by how the table was made."""
    lines = [
        [change, f"{done.number:,}", f"{done.hot / done.number:.1%}"]
        for change, done in found.items()
    ]
    return table([f"{int(rows):,} rows", "stamps", "HOT"], lines)


def plans_section(plans: Mapping[str, Sequence[Plan]]) -> str:
    """Return the plans, each under what asked for it first."""
    parts, shown = [], set[str]()
    for title, found in plans.items():
        new = [plan for plan in found if plan.statement not in shown]
        shown.update(plan.statement for plan in new)
        blocks = [f"```text\n{plan.statement}\n\n{plan.plan}\n```" for plan in new]
        parts += [f"**{title}**", *blocks] if blocks else []
    return "\n\n".join(parts)
