"""Print the URLs of the servers that accept us: ``python -m tests.services.reached URL …``."""

from __future__ import annotations

import sys
from contextlib import suppress
from urllib.parse import urlsplit

import psycopg
import pymysql
from redis import Redis, RedisError

__all__ = ["is_reached"]

PATIENCE = 3


def is_reached(url: str) -> bool:
    """Return whether a server answers at this URL and accepts its user."""
    place = urlsplit(url)
    with suppress(psycopg.Error, pymysql.Error, RedisError):
        if place.scheme == "postgres":
            psycopg.connect(url, connect_timeout=PATIENCE).close()
        elif place.scheme == "mysql":
            pymysql.connect(
                host=place.hostname,
                port=place.port or 3306,
                user=place.username,
                password=place.password or "",
                connect_timeout=PATIENCE,
            ).close()
        else:
            Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE).ping()
        return True
    return False


if __name__ == "__main__":
    print(*filter(is_reached, sys.argv[1:]), sep="\n")
