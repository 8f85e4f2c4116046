from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.services.servers import Postgres, Redis, Site, postgres_binaries

OURS = "session_backend.backends.cached_db"
FIGURES = pytest.StashKey[list[str]]()

Start = Callable[..., Site]


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines to print at the end of the run."""
    return request.config.stash.setdefault(FIGURES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if lines := config.stash.get(FIGURES, []):
        terminalreporter.section("services")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis for this test alone."""
    if shutil.which("redis-server") is None or find_spec("redis") is None:
        pytest.skip("redis-server, or its client for Python, is not installed")
    server = Redis(tmp_path)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL for this test alone."""
    binaries = postgres_binaries()
    if binaries is None or find_spec("psycopg") is None:
        pytest.skip("initdb, or psycopg, is not installed")
    cluster = Postgres(tmp_path, binaries)
    try:
        yield cluster.start()
    finally:
        cluster.remove()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the site: the server's name, the URLs of database and cache, and an engine."""
    sites: list[Site] = []

    def run(server: str, database: str, cache: str, engine: str = OURS) -> Site:
        if find_spec(server) is None:
            pytest.skip(f"{server} is not installed")
        sites.append(Site(tmp_path, server, engine, database, cache))
        return sites[-1].start()

    yield run
    for site in sites:
        site.stop()
