"""Parses user agents and looks up IP addresses again."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import Q
from django.template.defaultfilters import pluralize
from django.utils import timezone

from session_backend.client import Client
from session_backend.client_hints import refines
from session_backend.devices import Device
from session_backend.locations import Place
from session_backend.management.base import BatchCommand
from session_backend.models import SessionQuerySet


class Command(BatchCommand):
    """Writes only what has changed, and does not count as activity."""

    help = (
        "Parses the user agents of all sessions and looks up their IP addresses again. Run it "
        "after an update of ua-parser or of the GeoIP database, or once a site has its first "
        "GeoIP database. It works in batches while the site is running, and can be stopped and "
        "run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        known = self.sessions().exclude(ip=None, user_agent="")
        changed = sum(map(self.enrich, self.batches(known)))
        did = "Would have changed" if self.dry_run else "Changed"
        self.say(f"{did} {changed} session{pluralize(changed)}.")

    def enrich(self, sessions: SessionQuerySet) -> int:
        """Correct the columns derived from the client, and return how many rows were wrong."""
        alike = defaultdict(list)
        for row in sessions.defer("session_data"):
            client = Client(row.ip, row.user_agent)
            parsed = sessions.model.client_columns(client)
            wrong = {
                name: value
                for name, value in parsed.items()
                if value != getattr(row, name)
                and name not in underived_columns(client)
                and not refines(name, getattr(row, name), parsed)
            }
            if wrong:
                alike[client.ip is None, tuple(wrong.items())].append((row.pk, client))
        if self.dry_run:
            return sum(map(len, alike.values()))
        changed = 0
        for (_, columns), rows in alike.items():
            keys, clients = zip(*rows, strict=True)
            # A session used by another client in the meantime has that one's device and location.
            unchanged = sessions.filter(recorded_as(clients), pk__in=keys)
            changed += unchanged.update(updated_at=timezone.now(), **dict(columns))
        return changed


def underived_columns(client: Client) -> tuple[str, ...]:
    """Return the columns that do not follow from this client; an import may have filled them."""
    device = () if client.user_agent else Device._fields
    return device if client.ip else (*device, *Place._fields)


def recorded_as(clients: tuple[Client, ...]) -> Q:
    """Filter rows by these clients; either all of them have an IP address, or none has."""
    ips = {client.ip for client in clients}
    agents = {client.user_agent for client in clients}
    ip = Q(ip=None) if None in ips else Q(ip__in=ips)
    return ip & Q(user_agent__in=agents)
