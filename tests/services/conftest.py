from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.services.servers import Postgres, Redis, Site, postgres_binaries

SERVER = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
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


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The URL of an empty database on the PostgreSQL server of DATABASE_URL."""
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed")
    import psycopg

    if not SERVER.startswith("postgres"):
        pytest.skip("DATABASE_URL names no PostgreSQL server")
    name = f"session_services_{uuid4().hex[:8]}"
    try:
        connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"PostgreSQL cannot be reached: {error}")
    with connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlsplit(SERVER)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of the test's own."""
    if shutil.which("redis-server") is None or find_spec("redis") is None:
        pytest.skip("redis-server, or its client for Python, is not installed")
    server = Redis(tmp_path)
    try:
        yield server.start()
    finally:
        server.end()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL of the test's own."""
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
    """Start the site under a server: its name, an engine, the URLs of database and cache."""
    sites: list[Site] = []

    def run(server: str, database: str, cache: str, engine: str = OURS) -> Site:
        if find_spec(server) is None:
            pytest.skip(f"{server} is not installed")
        sites.append(Site(tmp_path, server, engine, database, cache))
        return sites[-1].start()

    yield run
    for site in sites:
        site.end()
