"""The reason why a visitor was signed out, told on the next page.

The answer that deletes the cookie of a session that has ended sets another one, signed, with the
reason alone: the visitor may be a thief, who is to learn of no device and no place.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

from session_backend.backends.db import session_of
from session_backend.conf import conf
from session_backend.history import Reason

__all__ = ["forget_shown", "leave", "take"]

COOKIE = "session_ended"
SALT = "session_backend.notice"
SECONDS = 300


def leave(response: HttpResponseBase, reason: str) -> None:
    """Keep a reason for the next page; ``""`` keeps none."""
    if reason:
        response.set_signed_cookie(
            COOKIE,
            reason,
            salt=SALT,
            max_age=SECONDS,
            **conf.cookie_attributes,
        )


def take(request: HttpRequest) -> str:
    """Return why the visitor's session has ended, a Reason, or ``""``.

    It is told once: the answer to this request forgets it.
    """
    reason = request.get_signed_cookie(COOKIE, "", salt=SALT, max_age=SECONDS)
    request.META[COOKIE] = True
    session = session_of(request)
    if not reason and session is not None:
        # This is the request with the cookie of the session that has ended.
        reason = session.ended_reason()
    return reason if reason in Reason.values else ""


def forget_shown(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Delete the cookie if its reason was taken, and return whether it was."""
    is_taken = COOKIE in request.META
    if is_taken:
        patch_vary_headers(response, ("Cookie",))
        if COOKIE in request.COOKIES:
            response.set_cookie(COOKIE, max_age=0, **conf.cookie_attributes)
    return is_taken
