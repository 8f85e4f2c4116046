"""The command that builds the example and starts it."""

from __future__ import annotations

import errno
import socket
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, call_command

from demo.people import PEOPLE
from demo.places import PLACES, write_database
from demo.seeds import seed

__all__ = ["Command"]


class Command(BaseCommand):
    """``manage.py demo``: build and start the site. It can be run again at any time."""

    help = "Builds the example's database with two users and their devices, and starts the site."
    # They run once this command has written the GeoIP database, which one of them looks for.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument(
            "--port",
            default=8000,
            type=int,
            help="port to listen on; if it is in use, the next free one",
        )
        parser.add_argument("--no-serve", action="store_true", help="build only, start nothing")

    def handle(self, *, host: str, port: int, no_serve: bool, **options: Any) -> None:
        write_database(Path(settings.GEOIP_PATH) / "GeoLite2-City.mmdb")
        self.check()
        call_command("migrate", verbosity=0, interactive=False)
        for person in PEOPLE:
            seed(person)
        while not no_serve and is_in_use(host, port):
            port += 1
        self.stdout.write(self.summary(f"http://{host}:{port}/"))
        self.stdout.flush()
        if not no_serve:
            call_command("runserver", f"{host}:{port}", use_reloader=False, skip_checks=False)

    def summary(self, address: str) -> str:
        """Return what to open and whom to sign in as."""
        lines = ["", f"Fernbank Library, with {len(PLACES)} places in its GeoIP database.", ""]
        lines.append(f"  Open     {self.style.SUCCESS(address)}")
        for person in PEOPLE:
            role = "librarian, has the admin" if person.is_librarian else "reader"
            password = self.style.SUCCESS(f"{person.password:<18}")
            lines.append(f"  Sign in  {person.username:<6} {password} {role}")
        return "\n".join([*lines, ""])


def is_in_use(host: str, port: int) -> bool:
    """Tell whether another process listens on a port."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False
