"""Django's session middleware, natively async, that records who uses a session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.sessions import middleware
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from session_backend import devices, locations
from session_backend.backends.db import SessionStore

__all__ = ["SessionMiddleware", "silent"]

View = TypeVar("View", bound=Callable[..., Any])


def silent(view: View) -> View:
    """Say of a view that its requests are no person's doing, as those of a poll are.

    They read the session and leave no trace of it: no activity is recorded, the cache is not
    filled, and ``SESSION_SAVE_EVERY_REQUEST`` does not prolong the session.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    @wraps(view)
    async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
        return await view(*args, **kwargs)

    marked: Any = async_wrapper if iscoroutinefunction(view) else wrapper
    marked.session_silent = True
    return marked  # type: ignore[no-any-return]


class SessionMiddleware(middleware.SessionMiddleware):
    """Takes the place of ``django.contrib.sessions.middleware.SessionMiddleware``."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if not issubclass(self.SessionStore, SessionStore):
            raise ImproperlyConfigured(
                "session_backend.middleware.SessionMiddleware needs an engine of "
                f"session_backend; SESSION_ENGINE is {settings.SESSION_ENGINE!r}."
            )
        # A process warms up when it starts to serve, and no visitor waits for it.
        devices.warm_up()
        locations.warm_up()
        if self.async_mode:
            # Django takes a hop to a thread around a hook that is no coroutine function.
            self.process_view = self.aprocess_view  # type: ignore[assignment]

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        cast(SessionStore, request.session).meta = request.META

    def process_view(self, request: HttpRequest, view: Any, *args: Any) -> None:
        if getattr(view, "session_silent", False):
            session = session_of(request)
            if session is not None:
                session.silent = True

    async def aprocess_view(self, request: HttpRequest, view: Any, *args: Any) -> None:
        """See process_view."""
        SessionMiddleware.process_view(self, request, view)

    def process_response(  # type: ignore[override]
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        session = session_of(request)
        if session is None:
            return super().process_response(request, cast(HttpResponse, response))
        if session.silent and not session.modified and not session.is_empty():
            if session.accessed:
                patch_vary_headers(response, ("Cookie",))
            return response
        super().process_response(request, cast(HttpResponse, response))
        if response.cookies and settings.SESSION_COOKIE_NAME in response.cookies:
            # Django forgot it with SESSION_SAVE_EVERY_REQUEST until 5.2.14 (CVE-2026-35192).
            patch_vary_headers(response, ("Cookie",))
        session.stamp()
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        self.process_request(request)
        response = await cast(Awaitable[HttpResponseBase], self.get_response(request))
        session = session_of(request)
        if session is None or self._has_work(session):
            return await sync_to_async(self.process_response)(request, response)
        return self.process_response(request, response)

    def _has_work(self, session: SessionStore) -> bool:
        """Tell whether process_response goes to the database."""
        saves = session.modified or settings.SESSION_SAVE_EVERY_REQUEST
        return (saves and not session.is_empty()) or session.is_stamp_due


def session_of(request: HttpRequest) -> SessionStore | None:
    """Return the session of a request; None where a view put something else in its place."""
    session = getattr(request, "session", None)
    return session if isinstance(session, SessionStore) else None
