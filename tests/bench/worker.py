"""One site in a process of its own, that does what it is told and says what it cost."""

from __future__ import annotations

import asyncio
import gc
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any, NamedTuple

import django
from django.conf import settings

from tests.bench.engines import Engine
from tests.bench.site.settings import settings_of
from tests.bench.stacks import Interface, Stack
from tests.bench.startup import begin

__all__ = ["Cost", "Sample", "serve"]


class Sample(NamedTuple):
    """What one call took, in nanoseconds."""

    cpu: int
    """Of this process, all its threads."""
    wall: int


@dataclass(frozen=True)
class Cost:
    """What one call sent and needed."""

    statements: int
    transaction: int
    commands: int
    memory: int


class Worker:
    """The operations of one site."""

    def __init__(self, engine: Engine) -> None:
        from django.db import connection

        from tests.bench.site.people import People

        self.engine = engine
        self.people = People(engine)
        self.loop = asyncio.new_event_loop()
        self.connection = connection
        self.operation: Any = None

    def set_up(self, name: str) -> None:
        """Begin with another operation, on a site without sessions."""
        operation = operation_named(name)
        if operation.begins_empty:
            self.people.everybody_leaves()
            self.people.settle()
        self.operation = operation(self.engine, self.people)
        self.operation.set_up()
        gc.collect()
        gc.freeze()

    def warm_up(self) -> None:
        """Do it as often as in a round, and time nothing."""
        for _ in range(self.operation.calls if self.operation.calls > 1 else 0):
            self._call()

    def round(self) -> list[Sample]:
        """Do it some times and return what each call took."""
        gc.collect()
        # The first calls find the processor's caches as other sites have left them.
        for _ in range(2 if self.operation.calls > 1 else 0):
            self._call()
        return [self._call() for _ in range(self.operation.calls)]

    def cost(self) -> Cost:
        """Do it twice more: once to count, once to weigh."""
        from tests.bench.counters import counted, peak_memory

        operation = self.operation
        call = operation.prepare()
        with counted() as tally:
            result, _ = self._timed(call)
        operation.verify(result)
        call, peak = operation.prepare(), list[int]()
        with peak_memory(peak):
            self._timed(call)
        return Cost(tally["statements"], tally["transaction"], tally["commands"], peak[0])

    def copies(self) -> Any:
        """Weigh what the cache holds of sessions."""
        from tests.bench.copies import copies_of

        self.people.everybody_leaves()
        return copies_of(self.people)

    def plans(self) -> list[Any]:
        """Do it once more and explain what it asked of our table."""
        from tests.bench.scale.plans import plans_of

        return plans_of(self.operation.prepare(), self.people.rows._meta.db_table)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of our table and of its indexes."""
        from tests.bench.scale.storage import sizes

        return sizes(self.people.rows._meta.db_table)

    def stamps(self, number: int, change: str) -> Any:
        """Stamp so many of our rows, after a change to the table."""
        from tests.bench.scale.storage import stamps

        return stamps(self.people.rows._meta.db_table, number, change)

    def _call(self) -> Sample:
        call = self.operation.prepare()
        result, sample = self._timed(call)
        self.operation.verify(result)
        return sample

    def _timed(self, call: Callable[[], Any]) -> tuple[Any, Sample]:
        if self.operation.interface == "asgi":
            return self.loop.run_until_complete(timed_async(call))
        return timed(call)


def operation_named(name: str) -> Any:
    from tests.bench.operations.registry import OPERATIONS

    if name in OPERATIONS:
        return OPERATIONS[name]
    # Its modules import our models, which other sites have not installed.
    from tests.bench.scale import operations

    return operations.OPERATIONS[name]


def timed(call: Callable[[], Any]) -> tuple[Any, Sample]:
    wall, cpu = perf_counter_ns(), process_time_ns()
    result = call()
    return result, Sample(process_time_ns() - cpu, perf_counter_ns() - wall)


async def timed_async(call: Callable[[], Any]) -> tuple[Any, Sample]:
    wall, cpu = perf_counter_ns(), process_time_ns()
    result = await call()
    return result, Sample(process_time_ns() - cpu, perf_counter_ns() - wall)


def start(engine: Engine, migrates: bool) -> Worker:
    django.setup()
    if migrates:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
    return Worker(engine)


def serve(
    pipe: Connection, engine: Engine, stack: Stack, interface: Interface, places: Path
) -> None:
    """Answer the names of a worker's methods, with their arguments, until the pipe closes."""
    worker: Worker | None = None
    while True:
        try:
            name, *arguments = pipe.recv()
        except EOFError:
            return
        try:
            if not settings.configured:
                settings.configure(**settings_of(engine, stack, interface, places))
            if name == "begin":
                answer: Any = begin(engine.name)
            elif name == "start":
                worker = start(engine, *arguments)
                answer = None
            else:
                answer = getattr(worker, name)(*arguments)
        except BaseException:
            pipe.send((None, traceback.format_exc()))
        else:
            pipe.send((answer, None))
