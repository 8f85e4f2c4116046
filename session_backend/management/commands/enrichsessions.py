"""Reads devices and places again."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import Q

from session_backend.client import Client
from session_backend.devices import Device
from session_backend.locations import Place
from session_backend.management.batches import BatchCommand
from session_backend.querysets import SessionQuerySet


class Command(BatchCommand):
    """Only what has changed is written, and nothing of it is the session's activity."""

    help = (
        "Parses the user agents of all sessions and looks their IP addresses up again. Run it "
        "after an update of ua-parser or of the GeoIP database, or when a site gets its first. "
        "It works in small batches beside a running site, and may be stopped and run again at "
        "any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        sessions = self.sessions()
        changed = 0
        known = sessions.exclude(ip=None, user_agent="")
        for keys in self.batches(known):
            changed += self.enrich(sessions.filter(pk__in=keys))
        did = "Would have changed" if self.dry_run else "Changed"
        self.say(f"{did} {changed} sessions.")

    def enrich(self, sessions: SessionQuerySet) -> int:
        """Correct the columns that follow from the client; returns how many rows were wrong."""
        alike = defaultdict(list)
        for row in sessions.defer("session_data"):
            client = Client(row.ip, row.user_agent)
            wrong = {
                name: value
                for name, value in sessions.model.client_columns(client).items()
                if value != getattr(row, name) and name not in without_ground(client)
            }
            if wrong:
                alike[client.ip is None, tuple(wrong.items())].append((row.pk, client))
        if self.dry_run:
            return sum(map(len, alike.values()))
        changed = 0
        for (_, columns), rows in alike.items():
            keys, clients = zip(*rows, strict=True)
            # Whoever was seen with another client in the meantime has its device and place.
            unchanged = sessions.filter(recorded_as(clients), pk__in=keys)
            changed += unchanged.update(**dict(columns))
        return changed


def without_ground(client: Client) -> tuple[str, ...]:
    """Return the columns that say more than the client does, as rows of other packages may."""
    device = () if client.user_agent else Device._fields
    return device if client.ip else (*device, *Place._fields)


def recorded_as(clients: tuple[Client, ...]) -> Q:
    """Ask for rows with one of these clients; all of them have an address, or none has."""
    ips = {client.ip for client in clients}
    agents = {client.user_agent for client in clients}
    ip = Q(ip=None) if None in ips else Q(ip__in=ips)
    return ip & Q(user_agent__in=agents)
