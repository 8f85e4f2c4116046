"""Sessions that have ended, and why.

Whatever ends a session of a user copies its row to :class:`PastSession` and then deletes it, in
one transaction. ``SESSION_BACKEND_HISTORY_DAYS`` says for how long past sessions are kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Case, Expression, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from session_backend import sql
from session_backend.conf import conf
from session_backend.details import SessionDetails

if TYPE_CHECKING:
    from session_backend.fields import Digest
    from session_backend.models import AbstractSession, SessionQuerySet

__all__ = ["Ending", "PastSession", "Reason", "archive", "oldest_kept", "reason_of"]


class Reason(models.TextChoices):
    """Why a session ended."""

    SIGNED_OUT = "signed_out", _("Signed out")
    REVOKED = "revoked", _("Signed out from another device")
    REVOKED_BY_STAFF = "revoked_by_staff", _("Signed out by an administrator")
    PASSWORD_CHANGED = "password_changed", _("The password was changed")
    EXPIRED = "expired", _("Expired")
    IDLE = "idle", _("Not used for too long")
    LIMIT = "limit", _("Too many sessions")
    ACCOUNT_DISABLED = "account_disabled", _("The account was disabled")
    BINDING_FAILED = "binding_failed", _("The device could not be confirmed")


class PastSession(SessionDetails):
    """A session that has ended; ``user.pastsession_set`` holds those of a user."""

    ended_at = models.DateTimeField(_("ended"), db_index=True)
    reason = models.CharField(_("reason"), max_length=16, choices=Reason.choices)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="+",
        verbose_name=_("ended by"),
    )

    class Meta:
        verbose_name = _("past session")
        verbose_name_plural = _("past sessions")


# When and why a session ends by itself, as SQL.
IS_IDLE = Q(idle_expires_at__lt=F("expire_date"))
EXPIRED_AT = Case(When(IS_IDLE, then=F("idle_expires_at")), default=F("expire_date"))
EXPIRED_BECAUSE = Case(
    When(IS_IDLE, then=Value(Reason.IDLE.value)), default=Value(Reason.EXPIRED.value)
)


class Ending(NamedTuple):
    """Why sessions end, and by whom. Without a reason they are revoked, by their user or staff.

    Those that are said to have expired may have been idle: the row tells which came first. Of those
    that nobody has looked at, some may have expired earlier, and the row tells that too.
    """

    reason: str = ""
    by: AbstractBaseUser | AnonymousUser | None = None
    is_unseen: bool = False

    def of(self, session: AbstractSession) -> Ending:
        """Return why this session ends, and by whom."""
        if self.reason == Reason.EXPIRED or (self.is_unseen and session.ends_at < timezone.now()):
            is_idle = session.ends_at < session.expire_date
            return Ending((Reason.IDLE if is_idle else Reason.EXPIRED).value)
        if self.reason:
            return self
        is_own = self.by is None or self.by.pk == session.user_id
        return self._replace(reason=(Reason.REVOKED if is_own else Reason.REVOKED_BY_STAFF).value)

    @property
    def columns(self) -> dict[str, Expression | F]:
        """The columns of a past session that its session does not have, as SQL."""
        # The row may be deleted long after the end.
        if self.reason == Reason.EXPIRED:
            return {"ended_at": EXPIRED_AT, "reason": EXPIRED_BECAUSE}
        now = timezone.now()
        columns: dict[str, Expression | F] = {
            "ended_at": Value(now, output_field=models.DateTimeField()),
            "reason": Value(self.reason or Reason.REVOKED.value),
        }
        if self.by is not None and self.by.pk is not None:
            ended_by = PastSession._meta.get_field("ended_by")
            columns["ended_by_id"] = Value(self.by.pk, output_field=ended_by.target_field)
            if not self.reason:
                is_own = When(user=self.by.pk, then=columns["reason"])
                columns["reason"] = Case(is_own, default=Value(Reason.REVOKED_BY_STAFF.value))
        if self.is_unseen:
            expired = Q(expire_date__lt=now) | Q(idle_expires_at__lt=now)
            instead = {"ended_at": EXPIRED_AT, "reason": EXPIRED_BECAUSE, "ended_by_id": None}
            for name, value in columns.items():
                columns[name] = Case(When(expired, then=instead[name]), default=value)
        return columns


def archive(sessions: SessionQuerySet, ending: Ending) -> None:
    """Copy the sessions of users to the history, and lock them; the caller deletes them then.

    One statement, in the caller's transaction, without which they might get other keys before
    they are deleted.
    """
    sessions = sessions.filter(user__isnull=False).order_by()
    if ending.reason == Reason.EXPIRED:
        sessions = sessions.alias(ended=EXPIRED_AT).filter(ended__gt=oldest_kept())
    names = [field.attname for field in SessionDetails._meta.local_concrete_fields]
    sql.insert_from(PastSession, sessions, names, ending.columns)


def oldest_kept() -> datetime:
    """Return the time of the end of the oldest sessions that the history keeps."""
    return timezone.now() - timedelta(days=conf.history_days)


def reason_of(sessions: SessionQuerySet, digest: Digest) -> str:
    """Return why the session with this digest has ended, a Reason; ``""`` if it is not known.

    One statement: the row of an expired session may still be among these sessions.
    """
    past = PastSession.objects.using(sessions.db).filter(pk=digest).values_list("reason")
    expired = sessions.filter(pk=digest, user__isnull=False, expire_date__lte=timezone.now())
    found = past.union(expired.values_list(EXPIRED_BECAUSE), all=True)
    return next((reason for (reason,) in found), "")
