from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from math import comb
from typing import Any

import pytest

from tests.races.explorer import (
    ALL,
    LOST_ANSWER,
    REFUSED,
    Explorer,
    Killed,
    Run,
    Worker,
    actor,
    step,
)


class Toys:
    """A number that actors read and write, and a lock."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.number = 0
        self.holder: int | None = None

    def state(self) -> Hashable:
        return self.number, self.holder

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def is_waiting(self, error: Exception) -> bool:
        return isinstance(error, BlockingIOError)

    # Actors.

    def look(self) -> int:
        number = step(lambda: self.number, "read", failures=[REFUSED])
        actor().answers.append(number)  # type: ignore[union-attr]
        return number

    def look_twice(self) -> tuple[int, int]:
        return self.look(), self.look()

    def count(self) -> None:
        number = self.look()
        step(lambda: setattr(self, "number", number + 1), "write", failures=[REFUSED, LOST_ANSWER])

    def take(self) -> None:
        def attempt() -> None:
            if self.holder is not None:
                raise BlockingIOError
            self.holder = actor().number  # type: ignore[union-attr]

        step(attempt, "lock")

    def count_alone(self) -> None:
        self.take()
        self.count()
        step(lambda: setattr(self, "holder", None), "unlock", releases=True)


@pytest.fixture
def toys() -> Toys:
    return Toys()


@pytest.fixture
def explore(toys: Toys) -> Iterator[Callable[..., tuple[Explorer, Counter[str]]]]:
    """Run some of the actors, and count how the runs end."""
    workers = [Worker(number, toys) for number in range(3)]

    def explore(
        *actors: Callable[[], Any], told: Callable[[Run], object], **options: Any
    ) -> tuple[Explorer, Counter[str]]:
        explorer = Explorer(toys, workers, lambda run: {repr(told(run))}, **options)
        return explorer, explorer.explore(actors)

    yield explore
    for worker in workers:
        worker.close()


def order(run: Run) -> str:
    return "".join(line[0] for line in run.log)


def test_every_order_run_once(toys: Toys, explore: Any) -> None:
    explorer, found = explore(toys.look_twice, toys.count, told=order)
    assert found.pop(ALL) == explorer.runs == len(found) == comb(4, 2)
    assert {"".join(sorted(order)) for order in found} == {"''0011"}


def test_finds_rare_outcomes(toys: Toys, explore: Any) -> None:
    _, found = explore(toys.count, toys.count, told=lambda run: toys.number)
    assert found == {ALL: 6, "2": 2, "1": 4}


@pytest.mark.parametrize("faults", [0, 1])
@pytest.mark.parametrize("actors", ["look count", "count count count", "count count_alone look"])
def test_merging_keeps_counts(actors: str, faults: int, toys: Toys, explore: Any) -> None:
    acts = [getattr(toys, actor) for actor in actors.split()]

    def ending(run: Run) -> object:
        return toys.number, [repr(result) for result in run.results]

    all_run, found = explore(*acts, told=ending, faults=faults)
    merging, merged = explore(*acts, told=ending, faults=faults, merge=True)
    assert merged == found
    assert found[ALL] == all_run.runs
    assert merging.runs < all_run.runs or all_run.runs < 10


def test_actor_waits_for_lock(toys: Toys, explore: Any) -> None:
    _, found = explore(toys.count_alone, toys.count_alone, told=lambda run: toys.number)
    assert set(found) == {ALL, "2"}


def test_deadlock_fails_one_actor(toys: Toys, explore: Any) -> None:
    def keep() -> None:
        toys.take()

    _, found = explore(keep, keep, told=lambda run: sorted(map(repr, run.results)))
    assert set(found) == {ALL, repr(["BlockingIOError()", "None"])}


def test_actor_killed_between_steps(toys: Toys, explore: Any) -> None:
    _, found = explore(toys.count, told=lambda run: (toys.number, type(run.results[0])), mortal=[0])
    assert found == {ALL: 2, repr((1, type(None))): 1, repr((0, Killed)): 1}


def test_command_fails_before_or_after_taking_effect(toys: Toys, explore: Any) -> None:
    _, found = explore(toys.count, told=lambda run: (toys.number, run.log), faults=1)
    assert found == {
        ALL: 4,
        repr((1, ["0 read", "0 write"])): 1,
        repr((0, ["0 read (fails)"])): 1,
        repr((0, ["0 read", "0 write (fails)"])): 1,
        repr((1, ["0 read", "0 write (done, but the answer is lost)"])): 1,
    }


def test_nondeterministic_actor_raises(toys: Toys, explore: Any) -> None:
    turns = iter(range(100))

    def moody() -> None:
        for _ in range(1 + next(turns) % 2):
            toys.look()

    with pytest.raises(AssertionError, match="not deterministic"):
        explore(moody, toys.count, told=order)


def test_connection_error_raised(toys: Toys) -> None:
    def connect() -> None:
        raise ConnectionRefusedError

    toys.connect = connect  # type: ignore[method-assign]
    with pytest.raises(ConnectionRefusedError):
        Worker(0, toys)
