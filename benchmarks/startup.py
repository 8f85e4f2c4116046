"""The start-up cost of a process: importing the apps, and preparing to serve."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import django

__all__ = ["Startup", "start_up"]


class Startup(NamedTuple):
    """Seconds of CPU, and bytes."""

    setup: float
    """``django.setup()``."""
    setup_memory: float
    """Resident after it."""
    handler: float
    """The handler and its middleware, before the first visitor."""
    first_request: float
    memory: float
    """Resident after the first request."""


def start_up() -> Startup:
    """Take those steps, in a process that has only its settings."""
    setup = seconds(django.setup)
    setup_memory = resident()
    from benchmarks.visitor import Visitor

    visitors: list[Any] = []
    handler = seconds(lambda: visitors.append(Visitor()))
    first_request = seconds(visitors[0].request("/read/", "0" * 32))
    return Startup(setup, setup_memory, handler, first_request, resident())


def seconds(call: Callable[[], Any]) -> float:
    """Return the CPU time of a call."""
    started = process_time()
    call()
    return process_time() - started


def resident() -> int:
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * 4096
