"""Asking users to prove again who they are, before they do what a thief would do.

Users with a password are asked for that. Others are sent to a page of the site,
``SESSION_UI_REAUTHENTICATE_URL``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction, sync_to_async
from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, authenticate
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from session_backend.backends.db import session_of
from session_backend.impersonation import actor
from session_ui.conf import address_of, conf
from session_ui.redirects import own_url, page_of, send_on

if TYPE_CHECKING:
    from session_ui.redirects import Request

__all__ = [
    "PasswordForm",
    "asks_for_password",
    "has_proved_since",
    "is_required",
    "note_reauthentication",
    "prove",
    "reauthentication_url",
    "recently_authenticated",
]

PASSWORD_FIELD = "password"
# When a visitor who is sent elsewhere had last proved who they are.
SINCE_FIELD = "since"

View = TypeVar("View", bound=Callable[..., Any])


class PasswordForm(forms.Form):
    """Asks for the password of who makes a request: of the impersonator, if there is one.

    Django's ``authenticate()`` checks it, with the credentials of Django's own form, so a wrong
    password counts as a failed sign-in.
    """

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data)
        self.request = request

    def clean_password(self) -> str:
        """Raise ValidationError unless the password is theirs."""
        user, password = actor(self.request), self.cleaned_data[PASSWORD_FIELD]
        found = authenticate(self.request, username=user.get_username(), password=password)
        if found is None or found != user:
            raise forms.ValidationError(_("That password is not correct. Please try again."))
        return str(password)


def recently_authenticated(seconds: float) -> Callable[[View], View]:
    """Have a view ask visitors who they are, if they last proved that longer ago than ``seconds``.

    They come back to the page that they were on. An anonymous visitor is sent to the sign-in page.
    """

    def decorate(view: View) -> View:
        def response_to(request: Request) -> HttpResponseBase | None:
            if is_recent(request, seconds):
                return None
            then = own_url(request, page_of(request)) or request.get_full_path()
            return send_on(request, reauthentication_url(request, then))

        @wraps(view)
        def wrapper(request: Request, *args: Any, **kwargs: Any) -> Any:
            response = response_to(request)
            return view(request, *args, **kwargs) if response is None else response

        @wraps(view)
        async def async_wrapper(request: Request, *args: Any, **kwargs: Any) -> Any:
            response = await sync_to_async(response_to)(request)
            return await view(request, *args, **kwargs) if response is None else response

        return async_wrapper if iscoroutinefunction(view) else wrapper  # type: ignore[return-value]

    return decorate


def is_recent(request: HttpRequest, seconds: float) -> bool:
    """Tell whether the visitor proved who they are within so many seconds."""
    return timezone.now().timestamp() - proved_at(request) < seconds


def proved_at(request: HttpRequest) -> float:
    """Return when the visitor last proved who they are, in seconds since the epoch; 0: never."""
    session: Any = request.session
    moment = session.authenticated_at
    return 0.0 if moment is None else float(moment.timestamp())


def is_required(request: HttpRequest) -> bool:
    """Tell whether the visitor has to prove who they are before they revoke a session."""
    seconds = conf.reauthenticate_after
    return seconds is not None and not is_recent(request, seconds)


def asks_for_password(request: HttpRequest) -> bool:
    """Tell whether the visitor proves who they are by a password, and not elsewhere."""
    own = reverse("session_ui:session_reauthenticate")
    return bool(actor(request).has_usable_password()) or other_url(request) == own


def prove(request: HttpRequest) -> bool:
    """Note that the visitor has just proved who they are, and give the session a new key.

    False if it was revoked at that moment.
    """
    session: Any = request.session
    session.mark_authenticated()
    session.cycle_key()
    return session.user_id is not None


def reauthentication_url(request: HttpRequest, then: str) -> str:
    """Return where the visitor proves who they are, to be sent to the address ``then`` afterwards.

    Both are without a host if they are of this site.
    """
    if not request.user.is_authenticated:
        return redirect_to_login(then).url
    own, query = reverse("session_ui:session_reauthenticate"), {REDIRECT_FIELD_NAME: then}
    if asks_for_password(request):
        return f"{own}?{urlencode(query)}"
    # By way of our own page: a sign-in page may send users who are signed in back at once.
    query[SINCE_FIELD] = str(proved_at(request))
    back, there = f"{own}?{urlencode(query)}", other_url(request)
    if urlsplit(there).netloc:
        back = request.build_absolute_uri(back)
    return redirect_to_login(back, there).url


def other_url(request: HttpRequest) -> str:
    """Return where a user without a password proves who they are."""
    if conf.reauthenticate_url:
        return resolve_url(conf.reauthenticate_url)
    url = address_of("account_reauthenticate")
    if url and apps.is_installed("allauth.account"):
        get_adapter = import_string("allauth.account.adapter.get_adapter")
        # For users who have no way to do it, that page is an error.
        if get_adapter().get_reauthentication_methods(request.user):
            return url
    return resolve_url(settings.LOGIN_URL)


def has_proved_since(request: HttpRequest, since: str) -> bool:
    """Tell whether the visitor has proved who they are after that, in seconds since the epoch."""
    try:
        return proved_at(request) > float(since)
    except ValueError:
        return False


def note_reauthentication(
    request: HttpRequest, user: Any, reauthenticated: bool = False, **kwargs: Any
) -> None:
    """Note that the visitor has proved who they are to django-allauth."""
    session = session_of(request)
    if reauthenticated and session is not None and request.user == user:
        session.mark_authenticated()
