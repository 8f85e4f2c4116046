"""What has to hold at the end of every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from session_backend.conf import conf
from tests.races.actors import GONE, OF_USER, REASONS
from tests.races.cache import clock, server
from tests.races.explorer import Run
from tests.races.history import LET_IN, LOST, REFUSED
from tests.races.site import ALICE, LAPTOP, PHONE, USERS, Site

__all__ = [
    "DISAPPEARED",
    "EXCEEDED",
    "LET_IN",
    "LET_IN_LATER",
    "LOST",
    "MISREMEMBERED",
    "MISTOLD",
    "RAISED",
    "REFUSED",
    "SURVIVED",
    "UNPROVEN",
    "UNTRUE",
    "broken",
]

LET_IN_LATER = "an interval later another process does not agree with the row"
SURVIVED = "a revoked session goes on"
DISAPPEARED = "a session that nobody revoked is gone"
RAISED = "a request fails"
MISTOLD = "session_ended is not sent once for each session that ended"
EXCEEDED = "a user has more sessions than the limit, or none"
MISREMEMBERED = "the history does not hold each session that ended once, and no other"
UNPROVEN = "a session that is bound to a device is opened without its bound cookie"
UNTRUE = "the history gives a reason for which no actor ended the session"


def broken(site: Site, names: Sequence[str], run: Run) -> set[str]:
    """Return the invariants that do not hold; this moves the clock and fills the cache."""
    found = set(site.history.broken)
    sessions, alive = set(site.sessions), site.alive()
    revoked = set(revoked_sessions(site, names, run))
    if alive & revoked:
        found.add(SURVIVED)
    if sessions - alive - revoked:
        found.add(DISAPPEARED)
    errors = [result for result in run.results if isinstance(result, Exception)]
    # A save may be refused if the session was revoked, or got another key.
    is_refused = GONE in run.results and not revoked and "cycle" not in " ".join(names)
    if is_refused or not all(map(site.is_waiting, errors)):
        found.add(RAISED)
    if site.start.receivers and site.announced != dict.fromkeys(sessions - alive, 1):
        found.add(MISTOLD)
    past = site.past()
    if Counter(session for session, _ in past) != dict.fromkeys(site.past_expected() - alive, 1):
        found.add(MISREMEMBERED)
    true = {(name, reason) for name, by in site.ended_by for reason in REASONS.get(names[by], ())}
    if not set(past) <= true:
        found.add(UNTRUE)
    if site.start.limit and len(site.of_alice()) != site.start.limit:
        found.add(EXCEEDED)
    server.is_full = False
    if site.start.binding == "bound" and any(opened_without_proof(site)):
        found.add(UNPROVEN)
    found |= {LOST if is_live else LET_IN for is_live in disagreements(site)}
    # Another process, an interval later, and the cache has lost every marker.
    server.lose(":revoked")
    clock.passed += conf.activity_interval
    found |= {LET_IN_LATER for _ in disagreements(site)}
    return found


def opened_without_proof(site: Site) -> Iterator[bool]:
    """Tell of each key of the laptop's session whether it opens that without the bound cookie."""
    for key, version in site.versions().items():
        if version and version[0] == LAPTOP:
            store = site.visitor(key)
            store.request.COOKIES = {}
            yield site.version(store.load()) is not None


def disagreements(site: Site) -> Iterator[bool]:
    """Map each key that loads something other than its row to whether it has a row."""
    for key in site.keys:
        version = site.versions()[key]
        if site.version(site.visitor(key).load()) != version:
            yield version is not None
        # A load may have adopted the session.
        site.observe()


def revoked_sessions(site: Site, names: Sequence[str], run: Run) -> Iterator[str]:
    """Return the names of the sessions whose revocation took effect.

    One that names a key takes effect if it ends the session: one that got another key before is
    not meant. Whose a session is in the legacy engine only the cookie with its key tells.
    """
    for number, (name, result) in enumerate(zip(names, run.results, strict=True)):
        if name in REASONS and result is not True:
            yield from (session for session, by in site.ended_by if by == number)
        if result is True:
            yield PHONE
        has_returned = not isinstance(result, BaseException)
        if name in OF_USER and has_returned and not (site.start.legacy or site.start.anonymous):
            yield from (session for session in site.sessions if USERS[session] == ALICE)
        if name in ("delete", "flush", "sign_out") and has_returned and site.start.legacy:
            yield LAPTOP
