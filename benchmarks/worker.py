"""A site in its own process, which runs operations and reports their cost."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import perf_counter_ns, process_time_ns
from typing import Any, NamedTuple

import django
from django.conf import settings

from benchmarks.startup import start_up

__all__ = ["Cost", "Sample", "Worker"]


class Sample(NamedTuple):
    """What one call took, in nanoseconds."""

    cpu: int
    """Of this process, all its threads."""
    wall: int


class Cost(NamedTuple):
    """What one call sent, and its memory."""

    statements: int
    transaction: int
    """The statements that only frame a transaction."""
    commands: int
    memory: int
    bytes: int
    """The size of the response, 0 if there is none."""


class Worker:
    """The process, seen from outside; ``call`` names a method of ``Child``."""

    def __init__(self, name: str, site_settings: dict[str, Any]) -> None:
        self.name = name
        self._pool = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=configure, initargs=(site_settings,)
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown()

    def call(self, method: str, *arguments: Any) -> Any:
        return self._pool.submit(call_child, method, *arguments).result()


def configure(site_settings: dict[str, Any]) -> None:
    settings.configure(**site_settings)


def call_child(method: str, *arguments: Any) -> Any:
    return getattr(child, method)(*arguments)


class Child:
    """The process, seen from inside."""

    site: Any
    operation: Any

    def start_up(self) -> Any:
        """Measure what a new process does before and with its first request."""
        return start_up()

    def open(self, migrates: bool = True) -> None:
        """Set the site up."""
        django.setup()
        from django.core.management import call_command

        from benchmarks.site import Site

        if migrates:
            call_command("migrate", verbosity=0)
        self.site = Site()
        self.loop = asyncio.new_event_loop()

    def set_up(self, name: str) -> None:
        """Start with another operation."""
        kind = operations()[name]
        if kind.starts_empty:
            self.site.clear()
            self.site.settle()
        self.operation = kind(self.site)
        self.operation.set_up()
        gc.collect()
        gc.freeze()
        if kind.calls > 1:
            self._sample(kind.calls)

    def round(self) -> list[Sample]:
        """Run the operation several times and return what each call took."""
        gc.collect()
        if self.operation.calls > 1:
            # The first calls find the processor's caches as other sites left them.
            self._sample(2)
        return self._sample(self.operation.calls)

    def cost(self) -> Cost:
        """Run it twice more: once to count statements, once to measure memory."""
        from benchmarks.cost import counted, peak_memory

        call = self.operation.prepare()
        with counted() as tally:
            result, _ = self._timed(call)
        self.operation.verify(result)
        size = len(getattr(result, "body", b""))
        call = self.operation.prepare()
        peak = peak_memory(lambda: self._timed(call))
        return Cost(tally["statements"], tally["transaction"], tally["commands"], peak, size)

    def cached(self, number: int = 100) -> tuple[float, float]:
        """Return the cache's bytes for a session, while it is alive and after it was revoked."""
        from benchmarks.cost import cached_bytes
        from benchmarks.operations import OPERATIONS

        self.site.clear()
        before = cached_bytes()
        revocations = [OPERATIONS["revoke-one"](self.site).prepare() for _ in range(number)]
        alive = cached_bytes()
        for revoke in revocations:
            revoke()
        return (alive - before) / number, (cached_bytes() - before) / number

    def sizes(self) -> dict[str, int]:
        """Return the bytes of the table of sessions and of its indexes."""
        from benchmarks.scale import sizes

        return sizes(self.site.model._meta.db_table)

    def _sample(self, number: int) -> list[Sample]:
        samples = []
        for _ in range(number):
            call = self.operation.prepare()
            result, sample = self._timed(call)
            self.operation.verify(result)
            samples.append(sample)
        return samples

    def _timed(self, call: Callable[[], Any]) -> tuple[Any, Sample]:
        if self.operation.is_async:
            return self.loop.run_until_complete(timed_async(call))
        wall, cpu = perf_counter_ns(), process_time_ns()
        result = call()
        return result, Sample(process_time_ns() - cpu, perf_counter_ns() - wall)


async def timed_async(call: Callable[[], Any]) -> tuple[Any, Sample]:
    wall, cpu = perf_counter_ns(), process_time_ns()
    result = await call()
    return result, Sample(process_time_ns() - cpu, perf_counter_ns() - wall)


def operations() -> dict[str, Any]:
    from benchmarks import operations, scale

    return {**operations.OPERATIONS, **scale.OPERATIONS}


child = Child()
