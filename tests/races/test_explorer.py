from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from math import comb
from typing import Any

import pytest

from tests.races.explorer import Explorer, Killed, Performer, performer, step


class Toys:
    """A number that actors read and write, and a lock."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.number = 0
        self.holder: int | None = None

    def state(self) -> Hashable:
        return self.number, self.holder

    def enter(self) -> None: ...

    def leave(self) -> None: ...

    def is_conflict(self, error: Exception) -> bool:
        return isinstance(error, BlockingIOError)

    def read(self) -> int:
        number = step(lambda: self.number)
        player = performer()
        assert player is not None
        player.answers.append(number)
        return number

    def write(self, number: int) -> None:
        step(lambda: setattr(self, "number", number))

    def take(self) -> None:
        def attempt() -> None:
            if self.holder is not None:
                raise BlockingIOError
            player = performer()
            self.holder = player.number if player else None

        step(attempt)

    def let_go(self) -> None:
        step(lambda: setattr(self, "holder", None), frees=True)

    # Actors.

    def look(self) -> int:
        return self.read()

    def look_twice(self) -> tuple[int, int]:
        return self.read(), self.read()

    def count(self) -> None:
        self.write(self.read() + 1)

    def count_alone(self) -> None:
        self.take()
        self.count()
        self.let_go()


@pytest.fixture
def toys() -> Toys:
    return Toys()


@pytest.fixture
def crew(toys: Toys) -> Iterator[list[Performer]]:
    performers = [Performer(number, toys) for number in range(3)]
    yield performers
    for one in performers:
        one.close()


def test_it_plays_every_order_once(toys: Toys, crew: list[Performer]) -> None:
    explorer = Explorer(toys, crew)
    orders = [play.order for play in explorer.plays([toys.look_twice, toys.count])]
    assert len(set(orders)) == len(orders) == explorer.orders == explorer.played == comb(4, 2)
    assert {"".join(sorted(order)) for order in orders} == {"0011"}


def test_it_finds_what_only_some_orders_do(toys: Toys, crew: list[Performer]) -> None:
    found = {play.order: toys.number for play in Explorer(toys, crew).plays([toys.count] * 2)}
    assert found == {"0011": 2, "1100": 2, "0101": 1, "0110": 1, "1001": 1, "1010": 1}


@pytest.mark.parametrize("parts", ["look count", "count count count", "count count_alone look"])
def test_merging_counts_and_finds_the_same(parts: str, toys: Toys, crew: list[Performer]) -> None:
    cast = [getattr(toys, part) for part in parts.split()]

    def endings(explorer: Explorer) -> set[Any]:
        return {(toys.number, tuple(play.results)) for play in explorer.plays(cast)}

    one_by_one, merged = Explorer(toys, crew), Explorer(toys, crew, merged=True)
    assert endings(merged) == endings(one_by_one)
    assert merged.orders == one_by_one.orders == one_by_one.played
    assert merged.played < one_by_one.played or one_by_one.played < 7


def test_who_waits_for_a_lock_lets_others_go_first(toys: Toys, crew: list[Performer]) -> None:
    cast: list[Callable[[], Any]] = [toys.count_alone] * 2
    assert {toys.number for _ in Explorer(toys, crew).plays(cast)} == {2}


def test_where_nobody_can_go_on_one_gives_up(toys: Toys, crew: list[Performer]) -> None:
    def forget() -> None:
        toys.take()

    results = [play.results for play in Explorer(toys, crew).plays([forget, forget])]
    assert all(isinstance(result[0] or result[1], BlockingIOError) for result in results)


def test_actors_may_die_between_any_two_steps(toys: Toys, crew: list[Performer]) -> None:
    explorer = Explorer(toys, crew, mortal=frozenset({0}))
    plays = {play.order: (play.results[0], toys.number) for play in explorer.plays([toys.count])}
    assert plays["00"] == (None, 1)
    killed, number = plays["00x"]
    assert isinstance(killed, Killed)
    assert number == 0


def test_an_actor_that_does_not_repeat_itself_is_found_out(
    toys: Toys, crew: list[Performer]
) -> None:
    turns = iter(range(100))

    def moody() -> None:
        for _ in range(1 + next(turns) % 2):
            toys.read()

    with pytest.raises(AssertionError, match="not deterministic"):
        list(Explorer(toys, crew).plays([moody, toys.count]))


def test_a_performer_that_cannot_begin_says_so(toys: Toys) -> None:
    def enter() -> None:
        raise ConnectionRefusedError

    toys.enter = enter  # type: ignore[method-assign]
    with pytest.raises(ConnectionRefusedError):
        Performer(0, toys)
