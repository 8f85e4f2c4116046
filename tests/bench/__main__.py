"""Measures session engines side by side: ``python -m tests.bench --help``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.engines import ENGINES, OURS, Engine
from tests.bench.machine import machine, versions
from tests.bench.operations.registry import OPERATIONS
from tests.bench.report import copies_section, stack_section, startup_section
from tests.bench.run import beginnings, copies, measure, say
from tests.bench.stacks import STACKS, Embedded, Production

BEGINNINGS = 5
# Measured in ways of their own, and each once.
APART = ("cache", "startup")
ENGINE_ALONE = replace(ENGINES[OURS], name="ours, engine alone", apps=("session_backend",))


def arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.bench", description=__doc__)
    choices = {
        "stack": list(STACKS),
        "engine": list(ENGINES),
        "operation": [*OPERATIONS, *APART],
    }
    for name, known in choices.items():
        parser.add_argument(
            f"--{name}",
            nargs="+",
            choices=known,
            metavar="NAME",
            help=f"of {', '.join(known)} (default: all)",
        )
    parser.add_argument("--rounds", type=int, default=25, help="default: %(default)s")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the tables go")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    engines = chosen_engines(options.engine or list(ENGINES))
    wanted = options.operation or [*OPERATIONS, *APART]
    sections = [heading(engines)]
    operations = [name for name in wanted if name in OPERATIONS]
    if operations:
        for name in options.stack or STACKS:
            sections.append(stack(name, engines, operations, options.rounds))
    if "cache" in wanted and "Redis" in sections[0]:
        sections.append(cache(engines))
    if "startup" in wanted:
        sections.append(startup(engines))
    text = "\n\n".join(sections) + "\n"
    if options.write:
        options.write.write_text(text)
    else:
        print(text)


def chosen_engines(names: list[str]) -> list[Engine]:
    engines = [ENGINES[name] for name in names]
    for engine in engines:
        if not engine.is_installed:
            say(f"{engine.name} is left out: {engine.distribution} is not installed.")
    return [engine for engine in engines if engine.is_installed]


def heading(engines: list[Engine]) -> str:
    found = versions(["Django", *(engine.distribution for engine in engines)])
    found.update(servers())
    return f"{machine()}. " + ", ".join(f"{name} {text}" for name, text in found.items()) + "."


def servers() -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in STACKS.values():
        try:
            found.update(kind(Path()).versions())
        except Exception as error:
            say(f"The {kind.name} stack is left out: {error}")
    return found


def stack(name: str, engines: list[Engine], operations: list[str], rounds: int) -> str:
    with TemporaryDirectory() as folder:
        servers = STACKS[name](Path(folder))
        try:
            servers.versions()
        except Exception:
            return f"### {servers.title}\n\nNot measured: the servers did not answer."
        results = measure(servers, engines, [OPERATIONS[name] for name in operations], rounds)
    titles = {name: OPERATIONS[name].title for name in operations}
    return stack_section(servers.title, results, titles, [engine.name for engine in engines])


def cache(engines: list[Engine]) -> str:
    say("cache")
    with TemporaryDirectory() as folder:
        found = copies(Production(Path(folder)), one_of_each(engines))
    return "### What the cache holds\n\n" + copies_section(found)


def one_of_each(engines: list[Engine]) -> list[Engine]:
    """Leave out the further engines of a package."""
    kept = {engine.distribution: engine for engine in reversed(engines)}
    return list(reversed(kept.values()))


def startup(engines: list[Engine]) -> str:
    say("startup")
    alone = [ENGINE_ALONE] if any(engine.name == OURS for engine in engines) else []
    with TemporaryDirectory() as folder:
        found = beginnings(Embedded(Path(folder)), [*alone, *one_of_each(engines)], BEGINNINGS)
    return "### When a process starts\n\n" + startup_section(found)


if __name__ == "__main__":
    main()
