"""Measures session engines side by side: ``python -m benchmarks --help``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import strftime

from benchmarks.engines import ENGINES, OURS, Engine
from benchmarks.operations import OPERATIONS
from benchmarks.report import Results, stack_section, startup_table, table
from benchmarks.run import heading, opened, say, side_by_side
from benchmarks.servers import STACKS, Embedded, Production
from benchmarks.site import settings_for
from benchmarks.startup import Startup
from benchmarks.worker import Worker

STARTUPS = 5
# Measured separately, and once each.
APART = ("cache", "startup")
ENGINE_ALONE = replace(OURS, name="ours, engine alone", more_apps=())


def arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    choices = {"stack": [*STACKS], "engine": [*ENGINES], "operation": [*OPERATIONS, *APART]}
    for name, known in choices.items():
        text = f"of {', '.join(known)} (default: all)"
        parser.add_argument(
            f"--{name}", nargs="+", choices=known, default=known, metavar="NAME", help=text
        )
    parser.add_argument("--rounds", type=int, default=25, help="default: %(default)s")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the tables go")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    engines = [engine for name in options.engine if (engine := ENGINES[name]).is_installed]
    for name in options.engine:
        if ENGINES[name] not in engines:
            say(f"{name} is left out: {ENGINES[name].distribution} is not installed.")
    names = [name for name in options.operation if name in OPERATIONS]
    servers: dict[str, str] = {}
    sections = []
    with TemporaryDirectory() as folder:
        for stack in (STACKS[name](Path(folder)) for name in options.stack):
            try:
                servers |= stack.versions()
            except Exception as error:
                say(f"{stack.title}: left out, {error}")
                continue
            if names:
                sections.append(stack_tables(stack, engines, names, options.rounds))
            if isinstance(stack, Production) and "cache" in options.operation:
                sections.append(cache_table(stack, one_per_package(engines)))
        if "startup" in options.operation:
            sections.append(startup(Embedded(Path(folder)), one_per_package(engines)))
    text = "\n\n".join([heading(engines, servers), *sections]) + "\n"
    options.write.write_text(text) if options.write else print(text)


def stack_tables(stack: Embedded, engines: list[Engine], names: list[str], rounds: int) -> str:
    results: Results = {}
    with opened(stack, engines, any(OPERATIONS[name].is_async for name in names)) as workers:
        for name in names:
            operation = OPERATIONS[name]
            say(f"{strftime('%X')} {stack.title}: {operation.title}")
            able = [
                worker
                for worker in workers[operation.is_async]
                if getattr(ENGINES[worker.name], operation.needs)
            ]
            if able:
                results[name] = side_by_side(able, name, operation, rounds)
    titles = {name: OPERATIONS[name].title for name in names}
    return stack_section(stack.title, results, titles, [engine.name for engine in engines])


def one_per_package(engines: list[Engine]) -> list[Engine]:
    kept = {engine.distribution: engine for engine in reversed(engines)}
    return list(reversed(kept.values()))


def cache_table(stack: Embedded, engines: list[Engine]) -> str:
    with opened(stack, engines) as workers:
        found = {worker.name: worker.call("cached") for worker in workers[False]}
    rows = [[name, f"{alive:.0f}", f"{revoked:.0f}"] for name, (alive, revoked) in found.items()]
    head = ["bytes of Redis for a session", "signed in", "revoked"]
    return f"### What the cache holds\n\n{table(head, rows)}"


def startup(stack: Embedded, engines: list[Engine]) -> str:
    """Start new processes, one after the other."""
    if OURS in engines:
        engines = [ENGINE_ALONE, *engines]
    found: dict[str, list[Startup]] = {engine.name: [] for engine in engines}
    with opened(stack, engines):
        pass
    geoip = stack.folder / "GeoLite2-City.mmdb"
    for _ in range(STARTUPS):
        for engine in engines:
            settings = settings_for(engine, stack, geoip, is_async=False)
            with Worker(engine.name, settings) as worker:
                found[engine.name].append(worker.call("start_up"))
    return f"### When a process starts\n\n{startup_table(found)}"


if __name__ == "__main__":
    main()
