"""What a site demands of the sessions of a user: when they end by themselves, and how many.

Each limit is a number, or the dotted path of a function that is called with the user and returns
a number, or None for no limit. The function costs a SELECT of the user where a limit applies.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.functional import cached_property

from session_backend.auth import user_with
from session_backend.conf import Limit, conf
from session_backend.history import Ending, Reason

if TYPE_CHECKING:
    from session_backend.models import SessionQuerySet

__all__ = ["Policy"]


class Policy:
    """The limits of one user's sessions; an anonymous session, whose user is None, has none."""

    def __init__(self, user_id: Any) -> None:
        self.user_id = user_id

    def idle_expires_at(self, last_activity: datetime) -> datetime | None:
        """Return when a session ends that is not used again; None: not before it expires."""
        return self._later(last_activity, conf.idle_timeout)

    def expire_date(self, expires: datetime, authenticated_at: datetime) -> datetime:
        """Return when a session expires that would expire at ``expires``: then, or earlier."""
        latest = self._later(authenticated_at, conf.absolute_timeout)
        return expires if latest is None else min(expires, latest)

    def end_surplus(self, sessions: SessionQuerySet) -> None:
        """End those of the user's sessions that are too many, the least recently used first.

        It takes one SELECT, after the transaction: two sign-ins at once see each other then.
        """
        limit = self._number(conf.max_sessions)

        def end() -> None:
            mine = sessions.active().filter(user=self.user_id, impersonator="")
            surplus = mine.order_by("-last_activity", "-pk").values_list("pk", flat=True)
            # One by one: sign-ins at the same moment end the same sessions, and transactions that
            # lock several of them in different orders deadlock on MariaDB.
            for key in list(surplus[limit:]):
                sessions._revoke_batch([key], Ending(Reason.LIMIT.value))

        if limit is not None:
            transaction.on_commit(end, using=sessions.db, robust=True)

    def _later(self, since: datetime, limit: Limit) -> datetime | None:
        seconds = self._number(limit)
        return None if seconds is None else since + timedelta(seconds=seconds)

    def _number(self, limit: Limit) -> int | None:
        if not callable(limit):
            return None if self.user_id is None else limit
        return None if self._user is None else limit(self._user)

    @cached_property
    def _user(self) -> Any:
        return user_with(self.user_id)
