"""Three things at once, and what two do where more goes wrong than their order."""

from __future__ import annotations

import pytest

from tests.races.conftest import Explore
from tests.races.engines import OURS
from tests.races.promises import IMMORTAL, LOST, RESURRECTED

CACHED = OURS["cached_db"]
REQUESTS = ["load", "stamp", "save", "save_commit", "save_rollback", "cycle"]
REVOCATIONS = ["delete", "delete_all_of_user", "delete_commit", "delete_rollback"]

TRIOS = [
    "load load delete",
    "load save delete",
    "stamp save delete",
    "save_commit load delete",
    "load save delete_commit",
    "load save delete_rollback",
    "load delete delete_rollback",
    "save delete delete_commit",
]


def check(explore: Explore, cast: str, **options: object) -> None:
    for warm in False, True:
        found = explore(cast, CACHED, warm=warm, due="stamp" in cast, **options)
        assert not found.broken, (cast, warm, found.broken, found.examples)


@pytest.mark.parametrize("cast", TRIOS)
def test_no_order_of_three_breaks_a_promise(cast: str, explore: Explore) -> None:
    check(explore, cast)


@pytest.mark.races
@pytest.mark.parametrize("revocation", REVOCATIONS)
@pytest.mark.parametrize(
    "requests", [f"{a} {b}" for i, a in enumerate(REQUESTS) for b in REQUESTS[i:]]
)
def test_no_order_of_two_requests_and_a_revocation_breaks_a_promise(
    requests: str, revocation: str, explore: Explore
) -> None:
    check(explore, f"{requests} {revocation}")


@pytest.mark.races
@pytest.mark.parametrize("cast", ["save save load", "save save save", "save save_commit save"])
def test_no_order_of_three_requests_breaks_a_promise(cast: str, explore: Explore) -> None:
    check(explore, cast)


@pytest.mark.races
@pytest.mark.parametrize("cast", TRIOS)
def test_no_order_of_three_breaks_a_promise_one_by_one(cast: str, explore: Explore) -> None:
    check(explore, cast, merged=False)


@pytest.mark.parametrize("cast", ["load delete", "save delete", "save load", "cycle delete"])
@pytest.mark.parametrize("what", ["backwards", "fresh"])
def test_it_holds_for_other_caches_and_rows(cast: str, what: str, explore: Explore) -> None:
    check(explore, cast, **{what: True})


@pytest.mark.parametrize("cast", ["load delete", "save delete", "save delete_commit"])
def test_it_holds_where_the_one_who_revokes_dies(cast: str, explore: Explore) -> None:
    check(explore, cast, mortal=cast.split()[1])


@pytest.mark.parametrize("cast", ["load delete", "save delete", "stamp delete", "cycle delete"])
def test_processes_with_caches_of_their_own_agree_after_an_interval(
    cast: str, explore: Explore
) -> None:
    cold, warm = (explore(cast, CACHED, warm=warm, apart=True) for warm in (False, True))
    assert not cold.broken[IMMORTAL]
    assert not warm.broken[IMMORTAL]
    if cast == "load delete":
        assert warm.broken[RESURRECTED]


@pytest.mark.parametrize("cast", ["load delete", "save delete", "save save", "load stamp delete"])
def test_a_cache_that_loses_everything_is_wrong_for_an_interval_at_most(
    cast: str, explore: Explore
) -> None:
    for warm in False, True:
        found = explore(f"{cast} flush_cache", CACHED, warm=warm, due="stamp" in cast)
        assert set(found.broken) <= {RESURRECTED, LOST}


@pytest.mark.parametrize("seconds", [-120, 120])
@pytest.mark.parametrize("cast", ["load stamp delete", "save load delete"])
def test_clocks_that_differ_keep_no_copy_for_longer(
    cast: str, seconds: int, explore: Explore
) -> None:
    for warm in False, True:
        found = explore(cast, CACHED, warm=warm, due=True, ahead={1: seconds})
        assert not found.broken
