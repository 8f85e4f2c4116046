"""Deletes expired sessions, and past sessions that are not kept any longer."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.template.defaultfilters import pluralize
from django.utils import timezone

from session_backend.client import UNKNOWN
from session_backend.conf import conf
from session_backend.details import SessionDetails
from session_backend.history import PastSession, Reason, oldest_kept
from session_backend.management.base import BatchCommand
from session_backend.models import Session, SessionQuerySet


class Command(BatchCommand):
    """Replaces Django's command of this name."""

    help = (
        "Deletes expired sessions, sessions of disabled accounts, and past sessions that ended "
        "more than SESSION_BACKEND_HISTORY_DAYS ago. If SESSION_BACKEND_RETENTION_DAYS is set, it "
        "also blanks the IP address, user agent, device and location of sessions that have not "
        "been used for that number of days. Run it every day. It works in batches while the site "
        "is running, and can be stopped and run again at any time."
    )
    # The rows of a batch are deleted by one statement, without reading their keys.
    default_batch_size = max_batch_size = 50_000

    def handle(self, *args: Any, **options: Any) -> None:
        self.clear_other_engine()
        sessions = self.sessions()
        expired = self.delete(sessions.filter(expire_date__lt=timezone.now()), "expire_date")
        if conf.idle_timeout is not None:
            expired += self.delete(sessions.filter(idle_expires_at__lt=timezone.now()))
        did = "Would delete" if self.dry_run else "Deleted"
        self.say(f"{did} {expired} expired session{pluralize(expired)}.")
        disabled = self.revoke_disabled(sessions)
        if disabled:
            did = "Would end" if self.dry_run else "Ended"
            self.say(f"{did} {disabled} session{pluralize(disabled)} of disabled accounts.")
        past = PastSession.objects.using(sessions.db)
        forgotten = self.forget(past.filter(ended_at__lt=oldest_kept()))
        self.say(f"{did} {forgotten} past session{pluralize(forgotten)}.")
        if conf.retention_days is not None:
            unused = self.blank(sessions, conf.retention_days, updated_at=timezone.now())
            unused += self.blank(past, conf.retention_days)
            did = "Would blank" if self.dry_run else "Blanked"
            self.say(f"{did} the client of {unused} unused session{pluralize(unused)}.")

    def clear_other_engine(self) -> None:
        """Do what Django's command does, if SESSION_ENGINE is not one of this package (yet)."""
        ours = Session.get_session_store_class()
        if not self.dry_run and not issubclass(conf.session_store, ours):
            with suppress(NotImplementedError):
                conf.session_store.clear_expired()

    def delete(self, expired: SessionQuerySet, column: str = "session_key") -> int:
        if self.dry_run:
            return expired.count()
        return sum(batch.clear() for batch in self.batches(expired, column))

    def revoke_disabled(self, sessions: SessionQuerySet) -> int:
        """End the sessions of users who were disabled by a bulk update, which sends no signal."""
        user_model = get_user_model()
        if not any(field.name == "is_active" for field in user_model._meta.concrete_fields):
            return 0
        of_disabled = sessions.filter(user__in=user_model._base_manager.filter(is_active=False))
        if self.dry_run:
            return of_disabled.count()
        return of_disabled.revoke(reason=Reason.ACCOUNT_DISABLED.value)

    def forget(self, past: QuerySet[PastSession]) -> int:
        if self.dry_run:
            return past.count()
        return sum(batch.delete()[0] for batch in self.batches(past, "ended_at"))

    def blank(self, sessions: QuerySet[Any], days: int, **columns: Any) -> int:
        """Blank the client, device and location of sessions unused for this number of days."""
        nothing = SessionDetails.client_columns(UNKNOWN)
        before = timezone.now() - timedelta(days=days)
        unused = sessions.filter(last_activity__lt=before).exclude(**nothing)
        if self.dry_run:
            return unused.count()
        return sum(batch.update(**columns, **nothing) for batch in self.batches(unused))
