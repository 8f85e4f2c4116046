"""When and from where a session was last seen."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from session_backend.client import UNKNOWN, Client
from session_backend.conf import conf

__all__ = ["Activity"]


class Activity(NamedTuple):
    """What the row of a session says of its use."""

    last_activity: datetime
    client: Client

    @property
    def is_nameless(self) -> bool:
        """Whether the client is missing, and not because the site keeps none."""
        return self.client == UNKNOWN and (conf.store_user_agent or conf.store_ip != "off")

    def due_in(self, now: datetime) -> float:
        """Return after how many seconds the row may be stamped again; 0 or less: at once."""
        return (self.last_activity - now).total_seconds() + conf.activity_interval

    def seen(self, now: datetime, client: Client) -> Activity:
        """Return what a stamp makes of it; a client that nothing is known of changes nothing."""
        return Activity(now, self.client if client == UNKNOWN else client)
