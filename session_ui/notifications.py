"""The email about a sign-in from a new device, if ``SESSION_UI_NOTIFY_NEW_SIGN_IN`` is set."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import VERSION
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.module_loading import import_string

from session_backend.history import PastSession
from session_ui.sessions import stored_sessions
from session_ui.views import not_me_url

if TYPE_CHECKING:
    from session_backend.details import SessionDetails
    from session_backend.models import AbstractSession

__all__ = ["notify_of_new_sign_in", "send_new_sign_in_email"]

# Django 5.2 has no tasks.
task: Callable[[Callable[..., None]], Any] = (
    import_string("django.tasks.task") if VERSION >= (6,) else lambda function: function
)


def notify_of_new_sign_in(
    session: AbstractSession, is_new: bool, request: HttpRequest | None, **kwargs: Any
) -> None:
    """Have an email sent about this sign-in, if its device is new to the user."""
    # Without a request there is no address for the link.
    if not is_new or request is None or session.impersonator:
        return
    send = getattr(send_new_sign_in_email, "enqueue", send_new_sign_in_email)
    send(
        user_id=str(session.user_id),
        public_id=str(session.public_id),
        link=request.build_absolute_uri(not_me_url(session)),
        language=translation.get_language(),
    )


@task
def send_new_sign_in_email(user_id: str, public_id: str, link: str, language: str | None) -> None:
    """Email the user of a session about its sign-in; nothing if they have no address.

    On Django 6 this is a task.
    """
    session = session_or_past_session(user_id, public_id)
    user: Any = session and session.user
    address = user and getattr(user, user.get_email_field_name(), "")
    if not address:
        return
    context = {"session": session, "user": user, "link": link, "site": urlsplit(link).netloc}
    with translation.override(language):
        subject, text, html = (
            render_to_string(f"session_ui/email/new_sign_in{name}", context)
            for name in ("_subject.txt", ".txt", ".html")
        )
    email = EmailMultiAlternatives(" ".join(subject.split()), text, to=[address])
    email.attach_alternative(html, "text/html")
    email.send()


def session_or_past_session(user_id: Any, public_id: str) -> SessionDetails | None:
    """Return a session of this user; a thief may have signed out before the email is sent."""
    sessions = stored_sessions()
    found: SessionDetails | None = None
    for rows in (sessions, PastSession.objects.using(sessions.db)):
        mine = rows.filter(user=user_id, public_id=public_id).select_related("user")
        found = found or mine.first()
    return found
