from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import pytest
from django.core.cache import cache
from django.db import connection

from session_backend import cache as session_cache
from session_ui.checks import check_links
from tests.browsers import LAPTOP, PHONE, Browser, make_user

# Django fills these after each migrate and each flush; here they keep their rows.
FILLED_BY_DJANGO = {"auth_permission", "django_content_type"}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run the whole suite on all processors, and what is named on the command line on one."""
    return None if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


def pytest_collection_finish() -> None:
    """Exclude imported objects from garbage collection, which would take a sixth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _quick_flush() -> Iterator[None]:
    """Make the flush after a test that commits cheap.

    Django empties all tables, on PostgreSQL with a TRUNCATE that waits for the disk, and then
    fills some of them again.
    """
    flush = connection.ops.sql_flush

    def sql_flush(style: Any, tables: Sequence[str], **options: Any) -> list[str]:
        tables = [table for table in tables if table not in FILLED_BY_DJANGO]
        if connection.vendor != "postgresql":
            return list(flush(style, tables, **options))
        return [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]

    signal = "django.core.management.commands.flush.emit_post_migrate_signal"
    with mock.patch.object(connection.ops, "sql_flush", sql_flush), mock.patch(signal):
        yield


def pytest_configure() -> None:
    for error in check_links():
        pytest.exit(f"{error.msg} {error.hint}", returncode=4)


@pytest.fixture(autouse=True)
def _working_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start with an empty cache, and with no record of failures."""
    cache.clear()
    monkeypatch.setattr(session_cache, "circuit_breaker", session_cache.CircuitBreaker())


@pytest.fixture
def alice(db: None) -> Any:
    return make_user("alice")


@pytest.fixture
def laptop() -> Browser:
    return Browser(LAPTOP)


@pytest.fixture
def phone() -> Browser:
    return Browser(PHONE)


@pytest.fixture(params=["db", "cached_db"])
def engine(request: pytest.FixtureRequest, settings: Any) -> str:
    """Run the test on each engine; the value is its name."""
    settings.SESSION_ENGINE = f"session_backend.backends.{request.param}"
    return str(request.param)
