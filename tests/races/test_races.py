"""Concurrent operations on a session break no invariant, in any order."""

from __future__ import annotations

from itertools import product
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


# Limits of sessions.


@pytest.mark.parametrize("one", ["load", "touch", "save", "save_commit", "delete", "sign_out"])
@pytest.mark.parametrize("engine", ENGINES)
def test_idle_timeout(engine: str, one: str, explore: Explore) -> None:
    # One request comes just before the end, the other just after it.
    late = {"ahead": {1: 2}, "idle": True, "due": True}
    check(explore, f"{one} come_back_late", ENGINES[engine], **late)


@pytest.mark.races
@pytest.mark.parametrize("one", ["load", "delete"])
def test_idle_timeout_and_two_requests(one: str, explore: Explore) -> None:
    check(explore, f"touch come_back_late {one}", ahead={1: 2}, idle=True, due=True)


LIMIT = {"anonymous": True, "phone": True, "limit": 1}


def test_limit(explore: Explore) -> None:
    check(explore, "sign_in_limited sign_in_elsewhere", ENGINES["db"], **LIMIT, history=False)


def test_limit_with_a_cache(explore: Explore) -> None:
    check(explore, "sign_in_limited sign_in_elsewhere", **LIMIT, history=False)


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


# Sessions that are bound to a device.

WITH_BINDING = [*REQUESTS, "write_and_cycle", "sign_out", "revoke_queryset", *REVOCATIONS]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("one", ["refresh", "refresh_in_two_steps", "forge"])
def test_refresh(one: str, engine: str, explore: Explore) -> None:
    for other in [*WITH_BINDING, "refresh", "forge"]:
        check(explore, f"{one} {other}", ENGINES[engine], binding="bound")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("one", ["register", "register_other"])
def test_registration(one: str, engine: str, explore: Explore) -> None:
    for other in [*WITH_BINDING, "register"]:
        check(explore, f"{one} {other}", ENGINES[engine], binding="offered")


@pytest.mark.parametrize(
    "actors",
    [
        *["load refresh delete", "save refresh load", "refresh refresh load", "touch refresh load"],
        *(
            pytest.param(actors, marks=pytest.mark.races)
            for actors in ("save refresh delete", "refresh cycle load", "refresh refresh forge")
        ),
    ],
)
def test_three_with_a_binding(actors: str, explore: Explore) -> None:
    check(explore, actors, binding="bound")


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


# With a cache of the legacy engine alone there are more orders: they take two minutes.
THREE = "load load revoke_queryset"
THREE_WITH_CACHE = pytest.param(THREE, "cache", marks=pytest.mark.races)


@pytest.mark.parametrize(
    ("actors", "legacy"),
    [*product(ADOPTIONS, LEGACY), (THREE, "db"), (THREE, "cached_db"), THREE_WITH_CACHE],
)
def test_adoption(actors: str, legacy: str, explore: Explore) -> None:
    history = legacy != "cache"
    check(explore, actors, db.SessionStore, legacy=LEGACY[legacy], history=history)


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
