"""What the commands share: batches, a dry run and a progress bar."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError
from django.db import router
from django.db.models import QuerySet
from django.template.defaultfilters import pluralize

from session_backend.models import Session, SessionQuerySet

__all__ = ["BatchCommand", "counted", "progress"]

INTERRUPTED = 130  # the exit status that shells report for Ctrl-C


Rows = TypeVar("Rows", bound="QuerySet[Any]")


class BatchCommand(BaseCommand):
    """A command that works in batches. Each is complete, so it can be stopped and run again."""

    default_batch_size = 500
    # SQLite takes 32766 parameters in a statement, and a row may need three of them.
    max_batch_size = 5000

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch-size",
            type=self.parse_batch_size,
            default=self.default_batch_size,
            metavar="N",
            help="the number of rows in a statement (default: %(default)s, at most "
            f"{self.max_batch_size}); small batches lock rows for a shorter time",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="print what would be done, but change nothing"
        )

    def parse_batch_size(self, text: str) -> int:
        """Convert the option; argparse prints the error."""
        if not text.isdecimal() or not 1 <= int(text) <= self.max_batch_size:
            raise ArgumentTypeError(f"{text!r} is not a number from 1 to {self.max_batch_size}")
        return int(text)

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.verbosity: int = options["verbosity"]
        self.batch_size: int = options["batch_size"]
        self.dry_run: bool = options["dry_run"]
        try:
            return super().execute(*args, **options)
        except KeyboardInterrupt:
            message = "Interrupted. Run the command again to do the rest."
            raise CommandError(message, returncode=INTERRUPTED) from None

    def say(self, text: str) -> None:
        """Print a line, except with ``--verbosity 0``."""
        if self.verbosity > 0:
            self.stdout.write(text)

    def sessions(self) -> SessionQuerySet:
        """Return all sessions of the site, read from the database that they are written to."""
        model = Session.get_session_store_class().get_model_class()
        return model.objects.using(router.db_for_write(model))

    def batches(self, sessions: Rows, column: str = "session_key") -> Iterator[Rows]:
        """Divide sessions into ranges of an indexed column, and draw the progress.

        No keys are read, so any number of sessions takes the same memory. Each range has the
        filters of ``sessions``, so a session that no longer matches is left out. Sessions
        with the same value are in the same batch.
        """
        with progress(sessions.count, "sessions", self.verbosity) as advance:
            rest = sessions
            while True:
                values = rest.order_by(column).values_list(column, flat=True)
                # The last of the batch, and the first of the next one.
                ends = list(values[self.batch_size - 1 : self.batch_size + 1])
                if len(ends) < 2:
                    yield rest
                    return
                yield rest.filter(**{f"{column}__lte": ends[0]})
                rest = sessions.filter(**{f"{column}__gt": ends[0]})
                advance(self.batch_size)


@contextmanager
def progress(
    count: Callable[[], int], unit: str, verbosity: int = 1
) -> Iterator[Callable[[int], object]]:
    """Draw a progress bar on standard error; yield the function that advances it by some units.

    It is drawn on a terminal only, if ``tqdm`` is installed (the extra ``progress``); otherwise
    the total is not counted.
    """
    tqdm = _tqdm() if verbosity > 0 and sys.stderr.isatty() else None
    if tqdm is None:
        yield _ignore
        return
    with tqdm(total=count(), unit=f" {unit}", leave=False) as bar:
        yield bar.update


def counted(number: int) -> str:
    """Return a number with the word for sessions."""
    return f"{number} session{pluralize(number)}"


def _tqdm() -> Callable[..., AbstractContextManager[Any]] | None:
    try:
        return import_module("tqdm").tqdm  # type: ignore[no-any-return]
    except ImportError:
        return None


def _ignore(units: int) -> None:
    """Ignore the progress."""
