"""The processes of the sites, from the outside."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.bench.engines import Engine
from tests.bench.stacks import Interface, Stack
from tests.bench.worker import serve

__all__ = ["Site"]


class Site:
    """A worker, and the pipe to it."""

    def __init__(self, engine: Engine, stack: Stack, interface: Interface, places: Path) -> None:
        self.engine = engine
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, engine, stack, interface, places), daemon=True
        )
        self._process.start()
        theirs.close()

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.terminate()

    def ask(self, name: str, *arguments: Any) -> Any:
        """Have the worker do something and return what it answers."""
        self._pipe.send((name, *arguments))
        answer, trouble = self._pipe.recv()
        if trouble is not None:
            raise RuntimeError(f"{self.engine.name}: {name}{arguments} failed.\n{trouble}")
        return answer
