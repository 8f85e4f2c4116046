"""Django's session middleware, natively async, which also records activity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions import middleware
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from session_backend import client_hints, devices, locations, notice
from session_backend.backends.db import SessionStore, session_of
from session_backend.conf import conf
from session_backend.known_devices import set_device_cookie

__all__ = ["SessionMiddleware", "background"]

View = TypeVar("View", bound=Callable[..., Any])


def background(view: View) -> View:
    """Mark a view as background traffic, such as polling.

    Its requests read the session and leave no trace of that: no activity is recorded, no session
    is cached, and ``SESSION_SAVE_EVERY_REQUEST`` does not prolong the session. For views of other
    packages there is the setting ``SESSION_BACKEND_BACKGROUND_VIEWS``.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    @wraps(view)
    async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
        return await view(*args, **kwargs)

    marked: Any = async_wrapper if iscoroutinefunction(view) else wrapper
    marked.session_background = True
    return marked  # type: ignore[no-any-return]


class SessionMiddleware(middleware.SessionMiddleware):
    """Replaces ``django.contrib.sessions.middleware.SessionMiddleware``."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if not issubclass(self.SessionStore, SessionStore):
            raise ImproperlyConfigured(
                "session_backend.middleware.SessionMiddleware requires an engine of "
                f"session_backend, but SESSION_ENGINE is {settings.SESSION_ENGINE!r}."
            )
        # When the process starts, so that no visitor waits for it.
        devices.warm_up()
        locations.warm_up()
        self._binding: ModuleType | None = None
        if conf.binding != "off":
            self._binding = import_module("session_backend.binding.endpoints")
        if self.async_mode:
            # Django runs a hook that is not a coroutine function in a thread.
            self.process_view = self.aprocess_view  # type: ignore[assignment]

    def process_request(self, request: HttpRequest) -> HttpResponse | None:  # type: ignore[override]
        endpoint = self._open(request)
        return None if endpoint is None else endpoint(request)

    def _open(self, request: HttpRequest) -> Callable[[HttpRequest], HttpResponse] | None:
        """Give the request its session, and return what answers it in place of a view."""
        super().process_request(request)
        session = cast(SessionStore, request.session)
        session.request = request
        endpoint = None if self._binding is None else self._binding.endpoint_of(request)
        session.background = endpoint is not None
        return endpoint

    def process_view(self, request: HttpRequest, view: Any, *args: Any) -> None:
        session = session_of(request)
        if session is not None and is_background(request, view):
            session.background = True

    async def aprocess_view(self, request: HttpRequest, view: Any, *args: Any) -> None:
        """See process_view."""
        SessionMiddleware.process_view(self, request, view)

    def process_response(  # type: ignore[override]
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        client_hints.ask(response)
        session = session_of(request)
        if session is None:
            return super().process_response(request, cast(HttpResponse, response))
        is_empty = session.is_empty()
        reason = session.ended_reason() if is_empty else ""
        has_ended = session.has_ended and (reason or not session.background)
        is_over = session.is_signing_out or has_ended
        if is_over and conf.clear_site_data and SESSION_KEY not in session:
            response.headers["Clear-Site-Data"] = ", ".join(
                f'"{directive}"' for directive in conf.clear_site_data
            )
        if not notice.forget_shown(request, response):
            notice.leave(response, reason)
        # While sessions are adopted, a cookie that opens nothing is not deleted, unless its session
        # has ended here: the legacy engine may be out of reach, or another request may be adopting
        # its session.
        is_kept = session.background
        if is_empty:
            # Nor is it by a poll: another request may just have given the session a new key, and
            # its cookie must not be deleted after it has arrived.
            is_kept = not reason and bool(conf.legacy_engine or is_kept)
        # Nor is the cookie of a session that is there, and bound to a device.
        is_kept = is_kept or session.is_unproven
        if is_kept and not session.modified:
            if session.accessed:
                patch_vary_headers(response, ("Cookie",))
            return response
        super().process_response(request, cast(HttpResponse, response))
        if response.cookies and settings.SESSION_COOKIE_NAME in response.cookies:
            # Before 5.2.14, Django did not with SESSION_SAVE_EVERY_REQUEST (CVE-2026-35192).
            patch_vary_headers(response, ("Cookie",))
        if session.device_token:
            set_device_cookie(response, session.device_token)
        if self._binding is not None:
            if session.challenge:
                self._binding.offer(request, response, session.challenge)
            elif is_empty:
                self._binding.forget(request, response)
        session.touch()
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        endpoint = self._open(request)
        if endpoint is not None:
            return await sync_to_async(endpoint)(request)
        response = await cast(Awaitable[HttpResponseBase], self.get_response(request))
        session = session_of(request)
        if session is None or self._has_work(session):
            return await sync_to_async(self.process_response)(request, response)
        return self.process_response(request, response)

    def _has_work(self, session: SessionStore) -> bool:
        """Return whether process_response queries the database."""
        if session.is_empty():
            return session.has_ended
        return session.modified or settings.SESSION_SAVE_EVERY_REQUEST or session.is_touch_due


def is_background(request: HttpRequest, view: Any) -> bool:
    """Return whether a view is marked, or named in ``SESSION_BACKEND_BACKGROUND_VIEWS``."""
    if getattr(view, "session_background", False):
        return True
    names = conf.background_views
    if not names:
        return False
    match, path = request.resolver_match, request.path_info
    return (match is not None and match.view_name in names) or any(
        path.startswith(name) if name.endswith("/") else path == name
        for name in names
        if name.startswith("/")
    )
