"""Ends sessions on the day of an incident."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db.models import Q, QuerySet
from django.forms import DateTimeField
from django.utils import timezone

from session_backend.conf import conf
from session_backend.history import Reason
from session_backend.legacy import revoke_legacy_sessions
from session_backend.management.base import BatchCommand, counted
from session_backend.models import SessionQuerySet


class Command(BatchCommand):
    """What an administrator does to many sessions at once."""

    help = (
        "Revokes the sessions of some users, of staff, or of everybody. A session has to match all "
        "of the options. Sessions that begin after the command has are left alone; it says how "
        "many there are. It works in batches while the site is running, and can be stopped and run "
        "again at any time."
    )
    # What SessionQuerySet.revoke() puts into one statement.
    default_batch_size = max_batch_size = 500

    def add_arguments(self, parser: ArgumentParser) -> None:
        who = parser.add_mutually_exclusive_group()
        who.add_argument(
            "--user",
            nargs="+",
            action="extend",
            dest="names",
            metavar="USER",
            help="the sessions of these users, by username",
        )
        who.add_argument(
            "--staff", action="store_true", help="those of all staff and of all superusers"
        )
        who.add_argument(
            "--all", action="store_true", help="all sessions, also those of anonymous visitors"
        )
        parser.add_argument(
            "--before",
            type=parse_time,
            metavar="DATE",
            help="sessions that signed in before this date or time (ISO 8601, by default in the "
            "site's time zone)",
        )
        parser.add_argument(
            "--inactive-for",
            type=parse_days,
            metavar="DAYS",
            help="sessions that have not been used for this number of days",
        )
        super().add_arguments(parser)

    def handle(
        self,
        *args: Any,
        names: list[str] | None,
        before: datetime | None,
        inactive_for: int | None,
        **options: Any,
    ) -> None:
        began = timezone.now()
        users = self.users(names) if names or options["staff"] else None
        is_narrowed = before is not None or inactive_for is not None
        if not is_narrowed and users is None and not options["all"]:
            raise CommandError(
                "Which sessions? Name them by --user, --staff, --all, --before or --inactive-for."
            )
        if conf.legacy_engine and (users is None or is_narrowed):
            raise CommandError(
                "With SESSION_BACKEND_LEGACY_ENGINE set, the sessions that have not been adopted "
                "yet would stay alive: of those only --user and --staff, without --before and "
                "--inactive-for, can be revoked. Remove the setting for good and restart the site, "
                "which ends them all; then run the command again."
            )
        sessions = self.sessions()
        if users is not None:
            sessions = sessions.filter(user__in=users.values("pk"))
        if inactive_for is not None:
            sessions = sessions.filter(last_activity__lt=began - timedelta(days=inactive_for))
        if before is not None:
            sessions = sessions.filter(created_at__lt=before)
        earlier = sessions.filter(created_at__lte=began)
        if self.dry_run:
            self.say(f"Would revoke {counted(earlier.count())}.")
            return
        if conf.legacy_engine and users is not None:
            for user in users:
                revoke_legacy_sessions(user)
        self.say(f"Revoked {counted(self.revoke(earlier))}.")
        later = sessions.count()
        if later:
            self.say(f"Left {counted(later)} that began after {began:%H:%M:%S %Z}.")

    def users(self, names: list[str] | None) -> QuerySet[Any]:
        """Return the users of these names, or all staff; they are in the sessions' database."""
        user_model: Any = get_user_model()
        users: QuerySet[Any] = user_model._base_manager.using(self.sessions().db)
        if not names:
            columns = {field.name for field in user_model._meta.concrete_fields}
            flags = columns & {"is_staff", "is_superuser"}
            if not flags:
                raise CommandError(f"{user_model._meta.label} has no column is_staff.")
            return users.filter(Q(*((flag, True) for flag in flags), _connector=Q.OR))
        name = user_model.USERNAME_FIELD
        found = users.filter(**{f"{name}__in": names})
        missing = set(names).difference(found.values_list(name, flat=True))
        if missing:
            raise CommandError(f"There is no user {', '.join(sorted(missing))}.")
        return found

    def revoke(self, sessions: SessionQuerySet) -> int:
        """Revoke these sessions, and return how many there were."""
        total = 0
        # A session that gets a new key may move to a range that is done. So it is over when there
        # are none left.
        while True:
            batches = self.batches(sessions)
            revoked = sum(batch.revoke(reason=Reason.REVOKED_BY_STAFF.value) for batch in batches)
            if not revoked:
                return total
            total += revoked


def parse_time(text: str) -> datetime:
    """Convert the option; argparse prints the error."""
    try:
        return DateTimeField().clean(text)  # type: ignore[no-any-return]
    except ValidationError:
        raise ArgumentTypeError(f"{text!r} is not a date or time such as 2026-05-03") from None


def parse_days(text: str) -> int:
    """Convert the option; argparse prints the error."""
    if not text.isdecimal() or not 1 <= int(text) <= 9999:
        raise ArgumentTypeError(f"{text!r} is not a number of days")
    return int(text)
