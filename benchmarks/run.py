"""One run: all sites side by side, a short round of each in turn."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path
from time import strftime

from benchmarks.engines import OURS, Engine
from benchmarks.operations import Operation
from benchmarks.places import write_database
from benchmarks.report import Figures
from benchmarks.servers import Embedded
from benchmarks.site import settings_for
from benchmarks.worker import Worker

__all__ = ["heading", "opened", "say", "side_by_side"]


@contextmanager
def opened(
    stack: Embedded, engines: Sequence[Engine], needs_async: bool = False
) -> Iterator[dict[bool, list[Worker]]]:
    """Start a process for each engine, and a second one if there are ASGI operations."""
    geoip = stack.folder / "GeoLite2-City.mmdb"
    write_database(geoip)
    workers: dict[bool, list[Worker]] = {False: [], True: []}
    with ExitStack() as exits:
        for engine in engines:
            say(f"{strftime('%X')} {stack.title}: starting {engine.name}")
            exits.callback(stack.drop, engine.name)
            stack.create(engine.name)
            for is_async in (False, True)[: 1 + needs_async]:
                settings = settings_for(engine, stack, geoip, is_async=is_async)
                worker = exits.enter_context(Worker(engine.name, settings))
                worker.call("open", not is_async)
                workers[is_async].append(worker)
        yield workers


def side_by_side(
    workers: list[Worker], name: str, operation: type[Operation], rounds: int
) -> dict[str, Figures]:
    """Measure an operation in many short rounds, each site in turn."""
    figures = {worker.name: Figures() for worker in workers}
    for worker in workers:
        worker.call("set_up", name)
    for number in range(min(operation.rounds, rounds)):
        # No site is always the first, or always after the same one.
        turn = number % len(workers)
        order = workers[turn:] + workers[:turn]
        for worker in order if number % 2 else reversed(order):
            figures[worker.name].rounds.append(worker.call("round"))
    for worker in workers:
        figures[worker.name].cost = worker.call("cost")
    return figures


def heading(engines: Sequence[Engine], servers: dict[str, str]) -> str:
    """Return what was measured, and on what machine: no names of hosts and no paths."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = dict.fromkeys(["Django", *(engine.distribution for engine in engines)])
    packages = {name: version(name) for name in names if name != OURS.distribution}
    found = {"Date": date.today().isoformat(), "Python": platform.python_version()}
    return (
        f"{os.cpu_count()} cores ({processor()}), {memory:.0f} GB of memory, "
        f"{platform.system()} {platform.release().partition('-')[0]}. "
        + ", ".join(f"{name} {text}" for name, text in (found | packages | servers).items())
        + "."
    )


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
