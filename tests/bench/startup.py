"""What a process pays once: to import the apps, to begin to serve, and for a new user agent."""

from __future__ import annotations

import gc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import django

__all__ = ["Beginning", "begin"]

AGENTS = 300


class Beginning(NamedTuple):
    """Seconds of CPU, bytes, and microseconds."""

    setup: float
    """``django.setup()``."""
    handler: float
    """The handler and its middleware, before the first visitor."""
    first_request: float
    setup_memory: int
    """Resident after ``django.setup()``."""
    memory: int
    """Resident after the first request."""
    new_agent: float | None
    """Of the first look at a user agent; None where none is looked at."""


def begin(name: str) -> Beginning:
    """Take those steps, in a process that has settings and has done nothing yet."""
    setup = seconds(django.setup)
    setup_memory = resident()
    from tests.bench.visitor import Visitor

    visitors: list[Any] = []
    handler = seconds(lambda: visitors.append(Visitor()))
    first_request = seconds(visitors[0].request("/read/", "0" * 32))
    memory = resident()
    return Beginning(setup, handler, first_request, setup_memory, memory, new_agent(name))


def seconds(call: Callable[[], Any]) -> float:
    """Return the CPU time of a call."""
    began = process_time()
    call()
    return process_time() - began


def resident() -> int:
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * 4096


def new_agent(name: str) -> float | None:
    look = parser_of(name)
    if look is None:
        return None
    agents = [
        f"Mozilla/5.0 (Linux; Android {n % 9 + 5}; SM-G{n}) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{n}.0.0.0 Mobile Safari/537.36"
        for n in range(AGENTS)
    ]
    look(agents.pop())
    times = sorted(seconds(lambda agent=agent: look(agent)) for agent in agents)  # type: ignore[misc]
    return times[len(times) // 2] * 1e6


def parser_of(name: str) -> Callable[[str], Any] | None:
    """Return what a package calls to see a device in a user agent."""
    if name.startswith("ours"):
        from session_backend.devices import parse_device

        return parse_device
    if name.startswith("qsessions"):
        session: Any = import_module("qsessions.models").Session
        return lambda agent: session(user_agent=agent).device
    if name == "user-sessions":
        device: Any = import_module("user_sessions.templatetags.user_sessions").device
        return lambda agent: device(agent)
    if name == "user-sessions-ng":
        user_agents: Any = import_module("user_agents")
        return lambda agent: str(user_agents.parse(agent))
    return None
