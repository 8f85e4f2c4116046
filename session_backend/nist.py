"""The limits of sessions in NIST SP 800-63B-4 (August 2025), for a settings file.

``from session_backend.nist import AAL2``, then
``SESSION_BACKEND_IDLE_TIMEOUT = AAL2.idle_timeout``. An authentication assurance level (AAL) asks
for much more than timeouts: two factors at AAL2, a hardware key at AAL3.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["AAL1", "AAL2", "AAL3", "SessionLimits"]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class SessionLimits(NamedTuple):
    """The longest timeouts of an assurance level, in seconds; None: the level has no such limit.

    They are what section 5.2 calls the inactivity timeout and the overall timeout.
    """

    idle_timeout: int | None
    absolute_timeout: int


AAL1 = SessionLimits(idle_timeout=None, absolute_timeout=30 * DAY)
"""Section 2.1.3: overall, no more than 30 days (SHOULD); an inactivity timeout is optional."""

AAL2 = SessionLimits(idle_timeout=HOUR, absolute_timeout=DAY)
"""Section 2.2.3: overall, no more than 24 hours; inactive, no more than 1 hour (both SHOULD)."""

AAL3 = SessionLimits(idle_timeout=15 * MINUTE, absolute_timeout=12 * HOUR)
"""Section 2.3.3: overall, no more than 12 hours (SHALL); inactive, 15 minutes (SHOULD)."""
