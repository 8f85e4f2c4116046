"""That the explorer finds what is broken: Django's cached_db, and ours with a rule of it broken."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from session_backend import querysets
from tests.races import engines
from tests.races.conftest import Explore
from tests.races.engines import OURS, DjangoCachedDB, DjangoDB
from tests.races.promises import CARRIED_ON, IMMORTAL, LOST, RESURRECTED


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("cast", ["load delete", "save delete", "load delete_commit"])
def test_djangos_cached_db_brings_revoked_sessions_back(
    cast: str, warm: bool, explore: Explore
) -> None:
    found = explore(cast, DjangoCachedDB, warm=warm, merged=False)
    if cast == "load delete" and warm:
        assert not found.broken
    else:
        assert found.broken[RESURRECTED]
        assert found.broken[IMMORTAL]


@pytest.mark.races
@pytest.mark.parametrize("engine", [DjangoCachedDB, OURS["cached_db"]])
def test_both_in_every_order_of_a_load_a_save_and_a_revocation(
    engine: Any, explore: Explore
) -> None:
    found = explore("load save delete", engine, merged=False)
    assert bool(found.broken[RESURRECTED]) == (engine is DjangoCachedDB)


def test_djangos_cached_db_loses_saves(explore: Explore) -> None:
    assert explore("save load", DjangoCachedDB, merged=False).broken[LOST]
    assert explore("save save", DjangoCachedDB, merged=False).broken[LOST]


@pytest.mark.parametrize("engine", [DjangoDB, OURS["db"]])
@pytest.mark.parametrize("cast", ["save load", "save save", "save save save", "save_commit save"])
def test_both_readings_of_a_lost_save_hold_for_the_db_engines(
    cast: str, engine: Any, explore: Explore
) -> None:
    found = explore(cast, engine)
    assert not found.broken
    assert not found.late


@pytest.mark.parametrize(
    ("mutant", "cast", "promise", "options"),
    [
        (engines.WithoutMarkers, "load delete", RESURRECTED, {}),
        (engines.WithoutMarkers, "save delete", RESURRECTED, {"warm": True}),
        (engines.DeletesThenMarks, "load delete", RESURRECTED, {"warm": True, "mortal": "delete"}),
        (engines.FillsBySet, "save load", LOST, {}),
        (engines.StampRewritesCopy, "save stamp", LOST, {"due": True}),
        (engines.KeepsForTwoIntervals, "save delete", IMMORTAL, {}),
        (engines.KeepsWhatIsDisputed, "save save", LOST, {"warm": True}),
        (engines.KeepsWhileOthersMay, "save save", LOST, {}),
        (engines.KeepsInTransactions, "save_rollback load", LOST, {}),
        (engines.InsertsWhatIsGone, "save delete", CARRIED_ON, {}),
        (engines.CyclesByCopying, "cycle delete", CARRIED_ON, {}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_rule_of_the_protocol_is_needed(
    mutant: Any, cast: str, promise: str, options: dict[str, Any], explore: Explore
) -> None:
    assert not explore(cast, OURS["cached_db"], **options).broken
    found = explore(cast, mutant, **options)
    assert found.broken[promise]


def test_a_copy_that_was_read_may_live_no_longer_either(explore: Explore) -> None:
    found = explore("load delete flush_cache", engines.KeepsForTwoIntervals)
    assert found.broken[IMMORTAL]


def test_a_revocation_of_many_has_to_look_again(explore: Explore) -> None:
    with mock.patch.object(querysets, "PASSES", 1):
        found = explore("cycle delete_all_of_user", OURS["cached_db"])
    assert found.broken[CARRIED_ON]
