"""What has to hold after every play."""

from __future__ import annotations

from collections.abc import Sequence

from session_backend.conf import conf
from tests.races.actors import OF_USER, REVOCATIONS
from tests.races.cache import servers
from tests.races.clock import clock
from tests.races.explorer import Play
from tests.races.stage import ALICE, OTHER, Stage

__all__ = ["CARRIED_ON", "COLLATERAL", "IMMORTAL", "LOST", "PROMISES", "RESURRECTED", "broken"]

RESURRECTED = "a revoked key opens a session"
IMMORTAL = "an interval later another process has it still"
LOST = "a save is lost"
CARRIED_ON = "a revoked session goes on under another key"
COLLATERAL = "a session that nobody revoked is gone"
PROMISES = {RESURRECTED, IMMORTAL, LOST, CARRIED_ON, COLLATERAL}


def broken(stage: Stage, cast: Sequence[str], play: Play) -> set[str]:
    """Return the promises that this play broke.

    It moves the clock and fills the cache, so it is asked once, at the end of a play.
    """
    found = {LOST} if stage.witness.lost else set()
    found |= broken_rows(stage, cast, play)
    found |= broken_loads(stage, RESURRECTED, LOST)
    # Another process, an interval later, and every marker was lost on the way.
    for server in servers.all:
        server.lose(":revoked")
    clock.advance(conf.activity_interval)
    for server in servers.all if servers.are_apart else servers.all[:1]:
        servers.all[0].values = server.values
        found |= broken_loads(stage, IMMORTAL, IMMORTAL)
    return found


def broken_loads(stage: Stage, when_revoked: str, when_written: str) -> set[str]:
    """Compare what every key opens with what its row says."""
    found = set()
    for key in stage.keys:
        row = stage.version(key)
        if stage.loaded(key) != row:
            found.add(when_written if row else when_revoked)
    return found


def broken_rows(stage: Stage, cast: Sequence[str], play: Play) -> set[str]:
    """Look at who still has a session."""
    found = set()
    if is_revoked(stage, cast, play) and stage.sessions_of(ALICE):
        found.add(CARRIED_ON)
    if not is_revoked(stage, cast, play) and not stage.sessions_of(ALICE):
        found.add(COLLATERAL)
    if stage.version(OTHER) is None:
        found.add(COLLATERAL)
    return found


def is_revoked(stage: Stage, cast: Sequence[str], play: Play) -> bool:
    """Tell whether a revocation has come into effect.

    One that names a key does when it ends a row: where the session has got another key before,
    it names one that opens nothing any more. One that names a person does in any case.
    """
    answers = zip(cast, play.results, strict=True)
    of_user = any(n in OF_USER and not isinstance(r, BaseException) for n, r in answers)
    return of_user or any(cast[number] in REVOCATIONS for number in stage.ended_by)
