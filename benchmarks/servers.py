"""The servers behind a site: a database and a cache for each engine, apart from all others."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dj_database_url
from django.core.cache.backends.locmem import LocMemCache

__all__ = ["STACKS", "Embedded", "ProcessCache", "Production"]


class ProcessCache(LocMemCache):
    """Local memory that counts as shared, since the site is one process."""


class Embedded:
    """SQLite and local memory."""

    title = "SQLite and LocMemCache"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def database(self, site: str, *, is_async: bool) -> dict[str, Any]:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(self.folder / f"{site}.sqlite3"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"},
        }

    def cache(self, site: str) -> dict[str, Any]:
        return {
            "BACKEND": f"{__name__}.ProcessCache",
            # A thousand sessions must fit: the default keeps 300 entries.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }

    def versions(self) -> dict[str, str]:
        """Return the servers' versions; raises if one does not answer."""
        return {"SQLite": sqlite3.sqlite_version}

    def create(self, site: str) -> None:
        """Make the site's empty database."""

    def drop(self, site: str) -> None:
        """Remove what the site left on the servers."""


class Production(Embedded):
    """PostgreSQL and Redis, named by ``DATABASE_URL`` and ``REDIS_URL``."""

    title = "PostgreSQL and Redis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.database_url = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1/postgres")
        self.redis_url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/5")

    def _name(self, site: str) -> str:
        # Two benchmarks may run at once.
        return f"bench_{os.getpid()}_{site.replace('-', '_')}"

    def database(self, site: str, *, is_async: bool) -> dict[str, Any]:
        url = urlsplit(self.database_url)._replace(path=f"/{self._name(site)}")
        settings: dict[str, Any] = {**dj_database_url.parse(urlunsplit(url))}
        # Under ASGI each request has a thread and so a connection of its own: Django keeps those
        # in a pool.
        return settings | ({"OPTIONS": {"pool": True}} if is_async else {"CONN_MAX_AGE": None})

    def cache(self, site: str) -> dict[str, Any]:
        return {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": self.redis_url,
            "KEY_PREFIX": self._name(site),
        }

    def versions(self) -> dict[str, str]:
        with self._connection() as connection:
            number = connection.info.server_version
        return {
            "PostgreSQL": f"{number // 10_000}.{number % 10_000}",
            "Redis": self._redis().info("server")["redis_version"],
        }

    def create(self, site: str) -> None:
        self.drop(site)
        with self._connection() as connection:
            connection.execute(f'CREATE DATABASE "{self._name(site)}"')

    def drop(self, site: str) -> None:
        with self._connection() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self._name(site)}" WITH (FORCE)')
        cache = self._redis()
        for key in cache.scan_iter(match=f"{self._name(site)}:*", count=1000):
            cache.delete(key)

    def _connection(self) -> Any:
        import psycopg

        return psycopg.connect(self.database_url, autocommit=True, connect_timeout=2)

    def _redis(self) -> Any:
        import redis

        return redis.from_url(self.redis_url, socket_connect_timeout=2)


STACKS: dict[str, type[Embedded]] = {"embedded": Embedded, "production": Production}
