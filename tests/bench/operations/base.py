"""What a thing to measure consists of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from tests.bench.engines import Engine
from tests.bench.site.people import People
from tests.bench.stacks import Interface
from tests.bench.visitor import Answer

__all__ = ["Operation", "Page"]


class Operation(ABC):
    """Something that a site does, again and again; an instance for each site."""

    name: ClassVar[str]
    title: ClassVar[str]
    interface: ClassVar[Interface] = "wsgi"
    calls: ClassVar[int] = 10
    """How often it is done in a round."""
    rounds: ClassVar[int | None] = None
    """In how many rounds at most; None for as many as the command line says."""
    begins_empty: ClassVar[bool] = True
    """Whether the sessions that are there are in the way."""

    def __init__(self, engine: Engine, people: People) -> None:
        self.engine = engine
        self.people = people

    @classmethod
    def suits(cls, engine: Engine) -> bool:
        """Tell whether a site with this engine can do it at all."""
        return True

    def set_up(self) -> None:  # noqa: B027
        """Make what it needs."""

    @abstractmethod
    def prepare(self) -> Callable[[], Any]:
        """Make ready for one call, and return the call: only that is measured."""

    def verify(self, result: Any) -> None:  # noqa: B027
        """Raise if a call did not do what it is measured for."""


class Page(Operation):
    """A GET by somebody who is signed in, once."""

    path: str

    def set_up(self) -> None:
        self.user = self.people.first
        self.key = self.people.sign_in(self.user)

    def prepare(self) -> Callable[[], Any]:
        call: Callable[[], Any] = self.people.visitor.request(self.path, self.key)
        return call

    def verify(self, result: Answer) -> None:
        assert result.status == 200, (self.engine.name, result.status, result.body[:500])
