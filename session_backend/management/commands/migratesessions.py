"""Imports the sessions of another package."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import models
from django.utils import timezone

from session_backend.conf import conf
from session_backend.legacy import ALLAUTH, SOURCES, Outcome, SessionImporter, rows_of
from session_backend.management.base import BatchCommand, counted, progress


class Command(BatchCommand):
    """django-user-sessions has a command of this name; Django runs that of the app listed first."""

    help = (
        "Moves the sessions of another session app here, so that everyone stays signed in with "
        "the cookie they have. Reads the app's table, whether the app is still installed or not, "
        "and the clients in the table of allauth's usersessions. Run it after the last process of "
        "the old site has stopped: to that process, a session that was moved is gone. Expired and "
        "unreadable sessions, and those of users who no longer exist, stay where they are. It can "
        "be interrupted and run again."
    )
    # It has to run in the middle of a switch, when some checks fail.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="label",
            required=True,
            choices=SOURCES,
            help="label of the app that the sessions are from; sessions is Django's own",
        )
        parser.add_argument(
            "--copy",
            action="store_true",
            help="leave the old rows where they are, to rehearse in a copy of the database: "
            "signing out on one side would not sign out on the other",
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
            help="database that holds the old table (default: where the routers send that app)",
        )
        super().add_arguments(parser)

    def handle(self, *args: Any, label: str, copy: bool, **options: Any) -> None:
        if copy and conf.legacy_engine:
            raise CommandError(
                "With SESSION_BACKEND_LEGACY_ENGINE set, a session that is left in its old table "
                "would be adopted from there after it was revoked here. Leave out --copy, or "
                "remove the setting."
            )
        try:
            rows = rows_of(SOURCES[label], options["database"])
        except LookupError as error:
            raise CommandError(
                f"{error} If the sessions are in another database, name it with --database."
            ) from None
        importer = SessionImporter(
            SOURCES[label],
            self.sessions(),
            serializer=options["serializer"],
            allauth=self.allauth(rows.db),
            copy=copy,
            dry_run=self.dry_run,
        )
        now = timezone.now()
        importer.counts[Outcome.EXPIRED] = rows.filter(expire_date__lte=now).count()
        rows = rows.filter(expire_date__gt=now)
        with progress(rows.count, "sessions", self.verbosity) as advance:
            for keys in key_batches(rows, self.batch_size):
                importer.move(rows.filter(pk__in=keys))
                advance(len(keys))
        self.report(importer)

    def allauth(self, using: str) -> models.QuerySet[Any] | None:
        with suppress(LookupError):
            return rows_of(ALLAUTH, using)
        return None

    def report(self, importer: SessionImporter) -> None:
        table, counts = importer.source.table, importer.counts
        did = "Copied" if importer.copy else "Moved"
        did = f"Would have {did.lower()}" if importer.dry_run else did
        self.say(f"{did} {counted(counts.pop(Outcome.MOVED, 0))} from {table}.")
        for outcome in filter(counts.get, Outcome):
            self.say(f"Skipped {counted(counts[outcome])}: {outcome.value}.")
        if importer.enriched:
            self.say(
                f"{ALLAUTH.table} has the client of {importer.enriched} of them. It holds session "
                "keys in clear text: remove allauth.usersessions and drop the table."
            )
        if importer.copy and not importer.dry_run:
            self.say(
                f"{table} still holds them all. Before a site uses this database, run the "
                "command again without --copy."
            )


def key_batches(rows: models.QuerySet[Any], size: int) -> Iterator[list[str]]:
    """Read the keys of these rows in batches, also while rows are added and deleted."""
    keys = rows.order_by("pk").values_list("pk", flat=True)
    batch = list(keys[:size])
    while batch:
        yield batch
        batch = list(keys.filter(pk__gt=batch[-1])[:size])
