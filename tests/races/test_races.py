"""Concurrent operations on a session break no invariant, in any order."""

from __future__ import annotations

from typing import Any

import pytest

from session_backend.backends import cached_db, db
from tests.races.actors import ACTORS
from tests.races.conftest import Explore
from tests.races.invariants import DISAPPEARED, LET_IN, LOST, REFUSED, SURVIVED

ENGINES = {"db": db.SessionStore, "cached_db": cached_db.SessionStore}
CACHED = cached_db.SessionStore
NAMES = list(ACTORS)
REQUESTS = ["load", "touch", "save", "save_commit", "save_rollback", "cycle"]
REVOCATIONS = ["delete", "delete_all_of_user", "delete_commit", "delete_rollback"]
TRIOS = [
    "load load delete",
    "load save delete",
    "touch save delete",
    "save_commit load delete",
    "load save delete_commit",
    "load save delete_rollback",
    "load delete delete_rollback",
    "save delete delete_commit",
]


def check(
    explore: Explore, actors: str, engine: Any = CACHED, *, but: Any = (), **options: Any
) -> None:
    """Fail if an invariant is broken that is not among the allowed ones."""
    starts = [False, True] if engine is CACHED else [False]
    for warm in [options.pop("warm")] if "warm" in options else starts:
        found = explore(actors, engine, **{"warm": warm, "due": "touch" in actors} | options)
        for invariant in set(found.broken) - set(but):
            pytest.fail(
                f"{invariant}: {found.broken[invariant]:,} of {found.schedules:,} "
                f"schedules of {actors} {options}, warm={warm}:\n{found.examples[invariant]}"
            )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("one", NAMES)
def test_two_operations(one: str, engine: str, explore: Explore) -> None:
    for other in NAMES[NAMES.index(one) :]:
        check(explore, f"{one} {other}", ENGINES[engine])


@pytest.mark.parametrize("actors", TRIOS)
def test_three_operations(actors: str, explore: Explore) -> None:
    check(explore, actors)


@pytest.mark.parametrize("actors", ["load delete", "save delete", "save load", "cycle delete"])
@pytest.mark.parametrize("option", ["backwards", "fresh"])
def test_other_caches_and_rows(actors: str, option: str, explore: Explore) -> None:
    check(explore, actors, **{option: True})


@pytest.mark.parametrize("actors", ["load delete", "save delete", "save delete_commit"])
def test_revoking_process_killed(actors: str, explore: Explore) -> None:
    check(explore, actors, mortal=actors.split()[1])


@pytest.mark.parametrize("actors", ["load delete", "save delete", "save save", "load touch delete"])
def test_cache_that_loses_everything_is_wrong_for_one_interval_at_most(
    actors: str, explore: Explore
) -> None:
    check(explore, f"{actors} flush_cache", but=[LET_IN, LOST, REFUSED], history=False)


@pytest.mark.parametrize("seconds", [-120, 120])
@pytest.mark.parametrize("actors", ["load touch delete", "save load delete"])
def test_clock_skew(actors: str, seconds: int, explore: Explore) -> None:
    check(explore, actors, due=True, ahead={1: seconds}, history=False)


# A cache that fails.

FAILING = [
    *["save load", "save save", "load delete", "save delete", "cycle save", "cycle delete"],
    *["save_commit load", "touch save", "load delete_commit", "load delete_all_of_user"],
]


@pytest.mark.parametrize("actors", FAILING)
def test_full_cache(actors: str, explore: Explore) -> None:
    check(explore, actors, full=True)
    check(explore, actors, full=True, pause=float("inf"))


@pytest.mark.parametrize("actors", FAILING)
def test_one_cache_command_fails(actors: str, explore: Explore) -> None:
    # Without a marker, a request that read the row before can cache it after the fallback, the
    # delete. It is believed for an interval, and a save that starts from it is not the latest.
    check(explore, actors, faults=1, but=[LET_IN, LOST])


# Receivers of signals.


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "one", ["touch", "save", "cycle", "sign_out", "delete", "delete_all_of_user"]
)
def test_receivers_of_signals(one: str, engine: str, explore: Explore) -> None:
    for other in ["delete", "revoke_row", "revoke_queryset", "delete_all_of_user"]:
        check(explore, f"{one} {other}", ENGINES[engine], receivers=True, moved=True, due=True)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("actors", ["sign_in delete", "sign_in delete_all_of_user"])
def test_receiver_of_session_started(actors: str, engine: str, explore: Explore) -> None:
    check(explore, actors, ENGINES[engine], receivers=True, anonymous=True)


# Two devices of one user.


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("actors", ["change_password revoke_others", "cycle revoke_others"])
def test_other_device_signed_out(actors: str, engine: str, explore: Explore) -> None:
    check(explore, actors, ENGINES[engine], phone=True)


# Sessions that expire.


@pytest.mark.parametrize("one", NAMES)
def test_expiry(one: str, explore: Explore) -> None:
    # Not with a cache: there the sessions expire with their rows.
    check(explore, f"{one} clear", db.SessionStore, receivers=one.startswith("revoke"))


# A session that is still in another engine.

LEGACY = {
    "db": "tests.races.django_db",
    "cached_db": "tests.races.django_cached_db",
    "cache": "django.contrib.sessions.backends.cache",
}
ADOPTIONS = [
    *["load load", "load save", "load sign_out", "load delete", "load revoke_queryset"],
    *["load delete_all_of_user", "save sign_out", "load cycle"],
]


# These take minutes each.
@pytest.mark.races
@pytest.mark.parametrize("legacy", LEGACY)
@pytest.mark.parametrize("actors", [*ADOPTIONS, "load load revoke_queryset"])
def test_adoption(actors: str, legacy: str, explore: Explore) -> None:
    # With a cache there are more orders than can be run in a minute.
    history = legacy == "db"
    check(explore, actors, db.SessionStore, legacy=LEGACY[legacy], history=history)


@pytest.mark.races
@pytest.mark.parametrize("actors", ["load_and_roll_back save", "load_and_roll_back delete"])
def test_adoption_rolled_back(actors: str, explore: Explore) -> None:
    # A request whose transaction began earlier does not see the row that another one inserts.
    check(explore, actors, CACHED, warm=False, legacy=LEGACY["db"], but=[REFUSED])


@pytest.mark.races
@pytest.mark.parametrize("legacy", ["cached_db", "cache"])
@pytest.mark.parametrize("actors", ADOPTIONS)
def test_adoption_while_the_legacy_cache_fails(actors: str, legacy: str, explore: Explore) -> None:
    # An engine that keeps sessions in nothing but a cache loses one whose adoption it interrupts,
    # and goes on with one that it does not delete.
    but = [REFUSED, DISAPPEARED, SURVIVED] if legacy == "cache" else []
    start = {"legacy": LEGACY[legacy], "history": False}
    check(explore, actors, db.SessionStore, faults=1, but=but, **start)
