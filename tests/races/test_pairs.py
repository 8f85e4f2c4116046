"""Every two things that can happen to a session at once."""

from __future__ import annotations

import pytest

from tests.races.actors import ACTORS
from tests.races.conftest import Explore
from tests.races.engines import OURS, CachedRowsInSQL

NAMES = [name for name in ACTORS if name != "flush_cache"]


@pytest.mark.parametrize("engine", OURS)
@pytest.mark.parametrize("one", NAMES)
def test_no_order_of_two_breaks_a_promise(one: str, engine: str, explore: Explore) -> None:
    for other in NAMES[NAMES.index(one) :]:
        for warm in [False, True] if engine == "cached_db" else [False]:
            due = "stamp" in (one, other)
            found = explore(f"{one} {other}", OURS[engine], warm=warm, due=due)
            assert not found.broken, (one, other, warm, found.broken, found.examples)
            assert not any("locked" not in error for error in found.errors)


@pytest.mark.parametrize("cast", ["save delete", "save save", "cycle delete_all_commit"])
def test_merging_leaves_nothing_out(cast: str, explore: Explore) -> None:
    merged = explore(cast, OURS["cached_db"])
    one_by_one = explore(cast, OURS["cached_db"], merged=False)
    assert merged.endings == one_by_one.endings
    assert merged.orders == one_by_one.orders == one_by_one.played > merged.played


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("cast", ["load delete", "save save", "save_commit delete", "cycle save"])
def test_statements_that_the_orm_did_not_write_are_steps_too(
    cast: str, warm: bool, explore: Explore
) -> None:
    by_orm = explore(cast, OURS["cached_db"], warm=warm)
    by_hand = explore(cast, CachedRowsInSQL, warm=warm)
    assert by_hand.endings == by_orm.endings
    assert (by_hand.orders, by_hand.played) == (by_orm.orders, by_orm.played)


@pytest.mark.races
@pytest.mark.parametrize("one", NAMES)
def test_no_order_of_two_breaks_a_promise_one_by_one(one: str, explore: Explore) -> None:
    for other in NAMES[NAMES.index(one) :]:
        for warm in False, True:
            due = "stamp" in (one, other)
            found = explore(f"{one} {other}", OURS["cached_db"], merged=False, warm=warm, due=due)
            assert not found.broken, (one, other, warm, found.broken, found.examples)
