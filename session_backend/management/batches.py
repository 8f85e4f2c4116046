"""Commands that go through many sessions, a batch at a time."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import router

from session_backend.fields import Digest
from session_backend.management.progress import progress
from session_backend.models import Session
from session_backend.querysets import BATCH_SIZE, SessionQuerySet

__all__ = ["BatchCommand"]

# SQLite takes 32766 parameters in a statement, and a row may need some of them.
LARGEST_BATCH = 5000
INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended


class BatchCommand(BaseCommand):
    """A command whose every batch is complete in itself: stopped anywhere, it can go on."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch-size",
            type=batch_size,
            default=BATCH_SIZE,
            metavar="N",
            help="how many rows one statement takes (default: %(default)s, at most "
            f"{LARGEST_BATCH}); fewer mean shorter locks, more a faster end",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.verbosity: int = options["verbosity"]
        self.batch_size: int = options["batch_size"]
        self.dry_run: bool = options["dry_run"]
        try:
            return super().execute(*args, **options)
        except KeyboardInterrupt:
            message = "Interrupted. What is done is done; run it again for the rest."
            raise CommandError(message, returncode=INTERRUPTED) from None

    def say(self, text: str) -> None:
        """Write a line, unless ``--verbosity 0`` asks for none."""
        if self.verbosity > 0:
            self.stdout.write(text)

    def sessions(self) -> SessionQuerySet:
        """Return all sessions of the site, in the database that has the last word on them."""
        model = Session.get_session_store_class().get_model_class()
        return model.objects.using(router.db_for_write(model))

    def batches(self, sessions: SessionQuerySet) -> Iterator[list[Digest]]:
        """Read the digests of these sessions in batches, and draw how many are through."""
        with progress(sessions.count, "sessions", self.verbosity) as advance:
            for keys in sessions.key_batches(self.batch_size):
                yield keys
                advance(len(keys))


def batch_size(text: str) -> int:
    """Read the option; argparse prints the error."""
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_BATCH:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to {LARGEST_BATCH}")
    return int(text)
