"""A person with thousands of sessions signs out everywhere."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.core.cache.backends.dummy import DummyCache
from django.db import connection
from django.utils import timezone

from session_backend.models import Session
from session_backend.querysets import BATCH_SIZE, READ_AHEAD

if TYPE_CHECKING:
    from pytest_django import Settings


class CountingCache(DummyCache):
    """Counts commands and keys, and keeps nothing: a server's memory is not this process's."""

    commands = Counter[str]()
    keys = Counter[str]()

    def set_many(self, data: Any, *args: Any, **kwargs: Any) -> list[str]:
        self.commands["set_many"] += 1
        self.keys["set_many"] += len(data)
        return []

    def delete_many(self, keys: Any, *args: Any, **kwargs: Any) -> None:
        self.commands["delete_many"] += 1
        self.keys["delete_many"] += len(list(keys))


class Cost(NamedTuple):
    ended: int
    statements: Counter[str]
    commands: Counter[str]
    peak: int


@pytest.fixture(autouse=True)
def _counting(settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"
    settings.CACHES = {"default": {"BACKEND": "tests.races.test_bulk.CountingCache"}}


def revoke(user: Any, number: int) -> Cost:
    """Give somebody so many sessions, end them, and say what that took."""
    now = timezone.now()
    for first in range(0, number, 500):
        Session.objects.bulk_create(
            Session(session_key=f"{user.pk}-{i}", session_data="", expire_date=now, user=user)
            for i in range(first, min(first + 500, number))
        )
    CountingCache.commands.clear()
    CountingCache.keys.clear()
    statements = Counter[str]()

    def count(execute: Any, sql: str, *arguments: Any) -> Any:
        statements[sql.split()[0]] += 1
        return execute(sql, *arguments)

    with connection.execute_wrapper(count):
        tracemalloc.start()
        ended = Session.objects.filter(user=user).end()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Cost(ended, statements, Counter(CountingCache.commands), peak)


def test_revoking_takes_a_statement_a_batch_and_the_same_memory(
    alice: Any, figures: list[str]
) -> None:
    # What is made once, a driver's prepared statements for one, is none of it.
    revoke(alice, 10 * BATCH_SIZE)
    costs = {number: revoke(alice, number) for number in (4_000, 10_000)}
    for number, cost in costs.items():
        batches = number // BATCH_SIZE
        figures.append(
            f"{number:,} sessions revoked: {dict(cost.statements)}, {dict(cost.commands)}, "
            f"{cost.peak / 1000:,.0f} kB at most"
        )
        assert cost.ended == number
        # The last SELECT finds that there are no more.
        assert cost.statements == {"SELECT": batches // READ_AHEAD + 1, "DELETE": batches}
        assert cost.commands == {"set_many": batches, "delete_many": batches}
        assert CountingCache.keys["set_many"] == 10_000
    assert costs[10_000].peak < costs[4_000].peak * 1.5
