"""Measures our engine on PostgreSQL at several sizes: ``python -m tests.bench.scale --help``."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import strftime

from tests.bench.crew import Site
from tests.bench.engines import ENGINES, OURS
from tests.bench.machine import machine, versions
from tests.bench.run import Results, say, side_by_side
from tests.bench.scale.operations import OPERATIONS, SCANS
from tests.bench.scale.report import (
    indexes_section,
    plans_section,
    stamps_section,
    times_section,
)
from tests.bench.scale.storage import CHANGES
from tests.bench.site.places import write_database
from tests.bench.stacks import Production

SIZES = [10_000, 1_000_000, 10_000_000]
STAMPS = 200_000
# Rows, indexes, what is written ahead, and what sorts leave on the disk for a moment.
BYTES_A_ROW = 2000


def arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=SIZES, help="default: %(default)s")
    parser.add_argument("--operation", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument("--rounds", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the tables go")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    with TemporaryDirectory() as folder, ExitStack() as exits:
        stack = Production(Path(folder))
        try:
            servers = stack.versions()
        except Exception as error:
            say(f"Left out, the servers do not answer: {error}")
            return
        free = shutil.disk_usage(folder).free
        if free < BYTES_A_ROW * sum(options.rows):
            say(f"Left out: {free / 2**30:.0f} GB of disk are not enough.")
            return
        sites = [open_site(stack, rows, exits) for rows in options.rows]
        text = measure(sites, options)
    head = ", ".join(f"{name} {found}" for name, found in (versions(["Django"]) | servers).items())
    text = f"{machine()}. {head}.\n\n{text}\n"
    if options.write:
        options.write.write_text(text)
    else:
        print(text)


def open_site(stack: Production, rows: int, exits: ExitStack) -> Site:
    say(f"{strftime('%X')} loading {rows:,} rows")
    engine = replace(ENGINES[OURS], name=str(rows), settings={"BENCH_ROWS": rows})
    places = stack.folder / "GeoLite2-City.mmdb"
    write_database(places)
    exits.callback(stack.drop, engine.name)
    stack.create(engine.name)
    site = exits.enter_context(Site(engine, stack, "wsgi", places))
    site.ask("start", True)
    site.ask("set_up", "load")
    return site


def measure(sites: list[Site], options: Namespace) -> str:
    stored = {site.engine.name: site.ask("sizes") for site in sites}
    results: Results = {}
    plans = {}
    names = options.operation or [name for name in OPERATIONS if name != "load"]
    for name in names:
        say(f"{strftime('%X')} {OPERATIONS[name].title}")
        results[name] = side_by_side(sites, OPERATIONS[name], options.rounds)
        plans[OPERATIONS[name].title] = sites[-1].ask("plans")
    # Not on the largest table, which would take long to be packed.
    changed = sites[-2] if len(sites) > 1 else sites[0]
    stamped = {change: changed.ask("stamps", STAMPS, change) for change in CHANGES}
    titles = {name: OPERATIONS[name].title for name in names}
    sizes = [site.engine.name for site in sites]
    sections = [
        times_section(results, titles, sizes, SCANS),
        indexes_section(stored, plans, sizes[-1]),
        stamps_section(stamped, changed.engine.name),
        plans_section(plans),
    ]
    return "\n\n".join(sections)


if __name__ == "__main__":
    main()
