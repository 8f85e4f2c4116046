"""What an open page of the site keeps an eye on: whether its visitor is still signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.http import urlencode

from session_backend.conf import conf as backend_conf
from session_backend.fields import Digest
from session_ui.conf import conf
from session_ui.sessions import stored_sessions

__all__ = ["USER_FIELD", "SessionWatch", "fingerprint", "seconds_left"]

USER_FIELD = "user"
# Seconds before the end at which a page asks; half of the timeout, if that is shorter. WCAG 2.2,
# success criterion 2.2.1, asks for twenty at least.
WARNING = 120


def seconds_left(request: HttpRequest) -> float | None:
    """Return after how many seconds the session ends unless it is used; None: of itself, never."""
    session: Any = request.session
    ends_at, now = session.idle_expires_at, timezone.now()
    if ends_at is not None and ends_at - now <= timedelta(seconds=WARNING):
        # A cached session does not know of the last touch.
        key = Digest.of(session.session_key)
        ends_at = stored_sessions().values_list("idle_expires_at", flat=True).filter(pk=key).first()
    return None if ends_at is None else (ends_at - now).total_seconds()


def fingerprint(user: Any) -> str:
    """Return what tells a page whether someone else has signed in in the same browser."""
    return salted_hmac("session_ui.watch", str(user.pk), algorithm="sha256").hexdigest()[:16]


class SessionWatch:
    """What the page of a signed-in visitor needs to watch their session."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @property
    def url(self) -> str:
        """The address to ask whether the session is there, and for how long."""
        query = urlencode({USER_FIELD: fingerprint(self.request.user)})
        return f"{reverse('session_ui:session_watch')}?{query}"

    @property
    def interval(self) -> int:
        """Seconds between two of these requests; 0: only when there is a reason."""
        return conf.poll_interval

    @property
    def warning(self) -> float | None:
        """Seconds before the end at which to ask; None: sessions end without being asked for."""
        limit = backend_conf.idle_timeout
        seconds = limit(self.request.user) if callable(limit) else limit
        return None if seconds is None else min(WARNING, seconds / 2)

    @property
    def seconds_left(self) -> float | None:
        """See :func:`seconds_left`."""
        return seconds_left(self.request)

    @property
    def csrf_token(self) -> str:
        """The token of the form."""
        return get_token(self.request)

    @property
    def page_url(self) -> str:
        """The address of the page, to come back to."""
        return self.request.get_full_path()
