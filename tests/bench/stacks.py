"""The servers behind a site: two ways to run Django."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import dj_database_url

__all__ = ["STACKS", "Embedded", "Interface", "Production", "Stack"]

Interface = Literal["wsgi", "asgi"]


class Stack(ABC):
    """A database and a cache for each site, apart from those of all others."""

    name: str
    title: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def database(self, site: str, interface: Interface) -> dict[str, Any]:
        """Return the settings of a site's database."""

    @abstractmethod
    def cache(self, site: str) -> dict[str, Any]:
        """Return the settings of a site's cache."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the servers' versions; raises where one does not answer."""

    def create(self, site: str) -> None:  # noqa: B027
        """Make the site's empty database."""

    def drop(self, site: str) -> None:  # noqa: B027
        """Remove what the site has left on the servers."""


class Embedded(Stack):
    """Nothing but the process and its disk."""

    name = "embedded"
    title = "SQLite and LocMemCache"

    def database(self, site: str, interface: Interface) -> dict[str, Any]:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(self.folder / f"{site}.sqlite3"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"},
        }

    def cache(self, site: str) -> dict[str, Any]:
        return {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            # A thousand sessions must fit: the default keeps 300 entries.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }

    def versions(self) -> dict[str, str]:
        import sqlite3

        return {"SQLite": sqlite3.sqlite_version}


class Production(Stack):
    """PostgreSQL and Redis, at the addresses that the environment names."""

    name = "production"
    title = "PostgreSQL and Redis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.database_url = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1/postgres")
        self.redis_url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/5")
        # Two benchmarks may run at once.
        self.prefix = f"bench_{os.getpid()}_"

    def _name(self, site: str) -> str:
        return self.prefix + site.replace("-", "_")

    def database(self, site: str, interface: Interface) -> dict[str, Any]:
        url = urlsplit(self.database_url)._replace(path=f"/{self._name(site)}")
        settings: dict[str, Any] = {**dj_database_url.parse(urlunsplit(url))}
        # Under ASGI each request has a thread of its own, and with it a connection: Django's way
        # to keep those is the pool.
        if interface == "asgi":
            return {**settings, "OPTIONS": {"pool": True}}
        return {**settings, "CONN_MAX_AGE": None}

    def cache(self, site: str) -> dict[str, Any]:
        return {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": self.redis_url,
            "KEY_PREFIX": self._name(site),
        }

    def versions(self) -> dict[str, str]:
        import redis

        server: Any = redis.from_url(self.redis_url, socket_connect_timeout=2).info("server")
        with self._connection() as connection:
            number = connection.info.server_version
        return {
            "PostgreSQL": f"{number // 10_000}.{number % 10_000}",
            "Redis": server["redis_version"],
        }

    def create(self, site: str) -> None:
        self.drop(site)
        with self._connection() as connection:
            connection.execute(f'CREATE DATABASE "{self._name(site)}"')

    def drop(self, site: str) -> None:
        import redis

        with self._connection() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self._name(site)}" WITH (FORCE)')
        cache = redis.from_url(self.redis_url)
        for key in cache.scan_iter(match=f"{self._name(site)}:*", count=1000):
            cache.delete(key)

    def _connection(self) -> Any:
        import psycopg

        return psycopg.connect(self.database_url, autocommit=True, connect_timeout=2)


STACKS: dict[str, type[Stack]] = {"embedded": Embedded, "production": Production}
