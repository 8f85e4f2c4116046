"""What a store keeps in memory of the session that it has read or written."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from session_backend.client import UNKNOWN, Client
from session_backend.conf import conf

__all__ = ["COLUMNS", "SessionRecord"]


class SessionRecord(NamedTuple):
    """What is known of a session that was read or written: the columns that a load selects."""

    data: dict[str, Any]
    last_activity: datetime
    ip: str | None
    user_agent: str
    updated_at: datetime | None
    """None if it is not known which version of the row this is."""
    expire_date: datetime
    authenticated_at: datetime
    idle_expires_at: datetime | None
    binding: str = ""
    """How the session is bound to its device, as ``session_backend.binding`` has it."""

    @property
    def client(self) -> Client:
        """The client that was recorded last."""
        return Client(self.ip, self.user_agent)

    @property
    def lacks_client(self) -> bool:
        """Whether no client is recorded, although the site's settings would keep one."""
        return self.client == UNKNOWN and (conf.store_user_agent or conf.store_ip != "off")

    def seconds_until_touch(self, now: datetime) -> float:
        """Return after how many seconds the row is to be touched again; 0 or less: at once."""
        return (self.last_activity - now).total_seconds() + conf.activity_interval

    def is_idle(self, now: datetime) -> bool:
        """Whether the session has ended because it was not used for too long."""
        return self.idle_expires_at is not None and self.idle_expires_at <= now

    def touched(self, now: datetime, client: Client) -> SessionRecord:
        """Return the record after a touch; an unknown client leaves the recorded one.

        When the idle timeout passes is for the caller to say.
        """
        known = self.client if client == UNKNOWN else client
        return self._replace(last_activity=now, ip=known.ip, user_agent=known.user_agent)


# The columns that a load selects.
COLUMNS = ("session_data", *SessionRecord._fields[1:])
