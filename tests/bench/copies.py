"""What the cache holds for a session, alive and revoked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings

from tests.bench.site.people import People

__all__ = ["Copies", "copies_of"]

NUMBER = 100


class Copies(NamedTuple):
    """Bytes of Redis for each session, with all that it keeps besides."""

    alive: float
    revoked: float


def copies_of(people: People) -> Copies:
    """Sign people in and out again from elsewhere, and weigh what the cache has of them."""
    users = [people.next() for _ in range(NUMBER)]
    before = weight()
    keys = [people.sign_in(user) for user in users]
    alive = weight()
    for key in keys:
        revoke(people, key)
    return Copies((alive - before) / NUMBER, (weight() - before) / NUMBER)


def revoke(people: People, key: str) -> None:
    if apps.is_installed("session_backend"):
        from session_backend.fields import Digest

        people.store().delete(Digest.of(key))
    else:
        people.store().delete(key)


def weight() -> int:
    import redis

    cache: Any = settings.CACHES["default"]
    server: Any = redis.from_url(cache["LOCATION"])
    keys: Iterable[Any] = server.scan_iter(match=f"{cache['KEY_PREFIX']}:*", count=1000)
    return sum(server.memory_usage(key) for key in keys)
