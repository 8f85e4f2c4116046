"""Removes what nobody uses any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef
from django.utils import timezone

from session_backend.client import UNKNOWN
from session_backend.conf import conf
from session_backend.fields import Digest
from session_backend.management.batches import BatchCommand
from session_backend.management.contents import decoded
from session_backend.management.progress import progress
from session_backend.models import Session
from session_backend.owner import accepted_hashes
from session_backend.querysets import SessionQuerySet


class Command(BatchCommand):
    """Takes the place of Django's command of this name."""

    help = (
        "Deletes sessions that have expired, and those that a password change has ended. Where "
        "SESSION_BACKEND_RETENTION_DAYS is set, it also forgets the IP address, the user agent, "
        "the device and the place of sessions that have not been used for so many days. Run it "
        "every day; it works in small batches beside a running site, and may be stopped and "
        "run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.clear_other_engine()
        sessions = self.sessions()
        did = "Would delete" if self.dry_run else "Deleted"
        expired = self.delete(sessions.filter(expire_date__lt=timezone.now()))
        self.say(f"{did} {expired} expired sessions.")
        ended = self.delete_ended(sessions.active())
        self.say(f"{did} {ended} sessions that a password change had ended.")
        if conf.retention_days is not None:
            blanked = self.blank(sessions, conf.retention_days)
            did = "Would forget" if self.dry_run else "Forgot"
            self.say(f"{did} the client of {blanked} sessions.")

    def clear_other_engine(self) -> None:
        """Do what Django's command does, where SESSION_ENGINE is none of ours (yet)."""
        ours = Session.get_session_store_class()
        if not self.dry_run and not issubclass(conf.session_store, ours):
            with suppress(NotImplementedError):
                conf.session_store.clear_expired()

    def delete(self, sessions: SessionQuerySet) -> int:
        if self.dry_run:
            return sessions.count()
        return sum(delete_batch(sessions, keys, "expired") for keys in self.batches(sessions))

    def delete_ended(self, sessions: SessionQuerySet) -> int:
        """Delete the sessions that Django lets nobody in with, though they hold a sign-in."""
        total = 0
        for users in self.users_of(sessions):
            hashes = [auth_hash for user in users for auth_hash in accepted_hashes(user)]
            ended = sessions.filter(user__in=users).exclude(auth_hash__in=hashes)
            for keys in ended.key_batches(self.batch_size):
                known = readable(ended.filter(pk__in=keys))
                if known and not self.dry_run:
                    total += delete_batch(ended, known, "revoked")
                else:
                    total += len(known)
        return total

    def users_of(self, sessions: SessionQuerySet) -> Iterator[list[Any]]:
        # A user whom this manager does not return is signed in nowhere. That may pass again, as
        # when an account is suspended, so it does not end a session.
        users = get_user_model()._default_manager.using(sessions.db).order_by("pk")
        users = users.filter(Exists(sessions.filter(user=OuterRef("pk"))))
        with progress(users.count, "users", self.verbosity) as advance:
            batch = list(users[: self.batch_size])
            while batch:
                yield batch
                advance(len(batch))
                batch = list(users.filter(pk__gt=batch[-1].pk)[: self.batch_size])

    def blank(self, sessions: SessionQuerySet, days: int) -> int:
        """Forget the client of sessions that were not used for so many days."""
        nothing = sessions.model.client_columns(UNKNOWN)
        unused = sessions.filter(last_activity__lt=timezone.now() - timedelta(days=days))
        unused = unused.exclude(**nothing)
        if self.dry_run:
            return unused.count()
        # A session that is used again in the meantime is no longer among them.
        return sum(unused.filter(pk__in=keys).update(**nothing) for keys in self.batches(unused))


def delete_batch(sessions: SessionQuerySet, keys: list[Digest], how: str) -> int:
    """End those of these sessions that have one of the keys; returns how many had."""
    return sessions.delete_batch(keys, how).get(sessions.model._meta.label, 0)


def readable(sessions: SessionQuerySet) -> list[Digest]:
    """Return the keys of those sessions that this process's SECRET_KEY has signed.

    The hash of a password depends on it too: without this, a cron job that runs with another
    SECRET_KEY than the site would take everybody's session for ended.
    """
    salt = sessions.model.get_session_store_class()().key_salt
    return [
        key
        for key, data in sessions.values_list("pk", "session_data")
        if decoded(data, salt, settings.SESSION_SERIALIZER) is not None
    ]
