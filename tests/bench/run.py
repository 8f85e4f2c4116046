"""One run: all sites side by side, a short round of each in turn."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import strftime

from tests.bench.copies import Copies
from tests.bench.crew import Site
from tests.bench.engines import Engine
from tests.bench.figures import Figures
from tests.bench.operations.base import Operation
from tests.bench.site.places import write_database
from tests.bench.stacks import Interface, Stack
from tests.bench.startup import Beginning

__all__ = ["Results", "beginnings", "copies", "measure", "say"]

Results = dict[str, dict[str, Figures]]
"""By operation, then by engine."""


def measure(
    stack: Stack,
    engines: Sequence[Engine],
    operations: Sequence[type[Operation]],
    rounds: int,
) -> Results:
    """Measure the operations on sites with these engines."""
    results: Results = {}
    with opened(stack, engines, operations) as sites:
        for operation in operations:
            say(f"{strftime('%X')} {stack.name}: {operation.title}")
            able = [site for site in sites[operation.interface] if operation.suits(site.engine)]
            if able:
                results[operation.name] = side_by_side(able, operation, rounds)
    return results


@contextmanager
def opened(
    stack: Stack, engines: Sequence[Engine], operations: Sequence[type[Operation]]
) -> Iterator[dict[Interface, list[Site]]]:
    """Start a process for each site, and a second one where something is asked of ASGI."""
    places = stack.folder / "GeoLite2-City.mmdb"
    write_database(places)
    sites: dict[Interface, list[Site]] = {"wsgi": [], "asgi": []}
    needed = {operation.interface for operation in operations}
    with ExitStack() as exits:
        for engine in engines:
            say(f"{stack.name}: starting {engine.name}")
            exits.callback(stack.drop, engine.name)
            stack.create(engine.name)
            site = exits.enter_context(Site(engine, stack, "wsgi", places))
            site.ask("start", True)
            sites["wsgi"].append(site)
            if "asgi" in needed:
                site = exits.enter_context(Site(engine, stack, "asgi", places))
                site.ask("start", False)
                sites["asgi"].append(site)
        yield sites


def side_by_side(sites: list[Site], operation: type[Operation], rounds: int) -> dict[str, Figures]:
    figures = {site.engine.name: Figures() for site in sites}
    for site in sites:
        site.ask("set_up", operation.name)
        site.ask("warm_up")
    for number in range(min(operation.rounds or rounds, rounds)):
        # Nobody is always the first, or always after the same one.
        turn = number % len(sites)
        order = sites[turn:] + sites[:turn]
        for site in order if number % 2 else reversed(order):
            figures[site.engine.name].rounds.append(site.ask("round"))
    for site in sites:
        cost = site.ask("cost")
        found = figures[site.engine.name]
        found.statements, found.transaction = cost.statements, cost.transaction
        found.commands, found.memory = cost.commands, cost.memory
    return figures


def copies(stack: Stack, engines: Sequence[Engine]) -> dict[str, Copies]:
    """Weigh what the cache of each site holds of a session."""
    with opened(stack, engines, []) as sites:
        return {site.engine.name: site.ask("copies") for site in sites["wsgi"]}


def beginnings(stack: Stack, engines: Sequence[Engine], times: int) -> dict[str, list[Beginning]]:
    """Begin new processes, as often as that, one after the other."""
    places = stack.folder / "GeoLite2-City.mmdb"
    write_database(places)
    found: dict[str, list[Beginning]] = {engine.name: [] for engine in engines}
    for engine in engines:
        with Site(engine, stack, "wsgi", places) as site:
            site.ask("start", True)
    for _ in range(times):
        for engine in engines:
            with Site(engine, stack, "wsgi", places) as site:
                found[engine.name].append(site.ask("begin"))
    return found


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
