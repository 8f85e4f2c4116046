"""Brings the sessions of another package here."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from session_backend.conf import conf
from session_backend.management.batches import BatchCommand
from session_backend.management.progress import progress
from session_backend.management.removal import Outcome, Removal
from session_backend.management.sources import ALLAUTH_TABLE, SOURCES, key_batches, rows_of


class Command(BatchCommand):
    """``user_sessions`` has a command of this name too: the app listed first is asked."""

    help = (
        "Moves the live sessions of another session app here, so that everybody stays signed "
        "in with the cookie they have. It reads the app's table, whether the app is still "
        "installed or not, and what allauth's usersessions know of its sessions. Run it once "
        "the last process of the old site has ended: to that one a moved session is gone. "
        "Expired and unreadable sessions, and those of users who no longer exist, stay where "
        "they are. It may be stopped and run again at any time."
    )
    # It has to run in the middle of a switch, when not all is as it should be.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="label",
            required=True,
            choices=SOURCES,
            help="the label of the app that the sessions are from; sessions is Django's own",
        )
        parser.add_argument(
            "--copy",
            action="store_true",
            help="leave the old rows where they are. For a rehearsal, in a copy of the database: "
            "whoever signs out on one side would stay signed in on the other",
        )
        parser.add_argument(
            "--serializer",
            metavar="PATH",
            default=settings.SESSION_SERIALIZER,
            help="dotted path of the serializer that the old sessions were written with "
            "(default: SESSION_SERIALIZER, %(default)s)",
        )
        parser.add_argument(
            "--database",
            metavar="ALIAS",
            help="the database that holds the old table (default: that of the sessions)",
        )
        super().add_arguments(parser)

    def handle(self, *args: Any, label: str, copy: bool, **options: Any) -> None:
        if copy and conf.legacy_engine:
            raise CommandError(
                "With SESSION_BACKEND_LEGACY_ENGINE, a session that is left in its old table "
                "would be adopted from there after it was revoked here. Move the sessions, "
                "without --copy, or unset it."
            )
        sessions = self.sessions()
        source = SOURCES[label]
        rows = rows_of(source.table, options["database"] or sessions.db)
        removal = Removal(
            source,
            rows,
            sessions,
            serializer=options["serializer"],
            copy=copy,
            dry_run=self.dry_run,
        )
        now = timezone.now()
        removal.tally[Outcome.EXPIRED] = rows.filter(expire_date__lte=now).count()
        alive = rows.filter(expire_date__gt=now)
        with progress(alive.count, "sessions", self.verbosity) as advance:
            for keys in key_batches(alive, self.batch_size):
                removal.batch(keys)
                advance(len(keys))
        self.report(removal)

    def report(self, removal: Removal) -> None:
        tally = removal.tally
        did = "Copied" if removal.copy else "Moved"
        did = f"Would have {did.lower()}" if self.dry_run else did
        self.say(f"{did} {tally.pop(Outcome.MOVED, 0)} sessions from {removal.source.table}.")
        for outcome, number in tally.items():
            if number:
                self.say(f"Left out {number} {outcome.value}.")
        if removal.enriched:
            self.say(
                f"{ALLAUTH_TABLE} knew {removal.enriched} of them. It holds their keys in the "
                "clear: remove allauth.usersessions and drop the table."
            )
        if removal.copy and not self.dry_run:
            self.say(
                f"{removal.source.table} still holds them all. Before a site uses this database, "
                "run the command again without --copy."
            )
