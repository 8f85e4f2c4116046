"""Test clients that stand for users' browsers."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.test import AsyncClient, Client

from session_backend.fields import Digest

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from session_backend.models import Session

__all__ = ["LAPTOP", "PASSWORD", "PHONE", "AsyncBrowser", "Browser", "make_request", "make_user"]

PASSWORD = "correct horse battery staple"

LAPTOP: dict[str, Any] = {
    "HTTP_USER_AGENT": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/141.0.0.0 Safari/537.36"
    ),
    "REMOTE_ADDR": "89.160.20.112",
}
PHONE: dict[str, Any] = {
    "HTTP_USER_AGENT": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
    ),
    "REMOTE_ADDR": "2.125.160.216",
}


def make_request(meta: dict[str, Any]) -> HttpRequest:
    """Return a request with these headers, for a store without a view."""
    request = HttpRequest()
    request.META = dict(meta)
    return request


class SessionMixin:
    """Gives a test client access to its session."""

    cookies: SimpleCookie

    @property
    def key(self) -> str | None:
        """The session key in the cookie, or None."""
        cookie = self.cookies.get("sessionid")
        return cookie.value or None if cookie else None

    @property
    def row(self) -> Session:
        """The row of the session; raises DoesNotExist if the session has ended."""
        # The site may use another engine, without this app.
        from session_backend.models import Session

        return Session.objects.get(pk=Digest.of(self.key or ""))


class Browser(SessionMixin, Client):
    """Django's test client with a user agent and an IP address."""

    def __init__(self, device: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs, **device)

    def sign_in(self, user: AbstractBaseUser) -> Browser:
        response = self.post(
            "/accounts/login/", {"username": user.get_username(), "password": PASSWORD}
        )
        assert response.status_code == 302, response.content
        return self


class AsyncBrowser(SessionMixin, AsyncClient):
    """The same over ASGI, for use in synchronous tests."""

    def __init__(self, device: dict[str, Any]) -> None:
        super().__init__(raise_request_exception=False)
        self.device = device

    def _base_scope(self, **request: Any) -> dict[str, Any]:
        address = self.device.get("REMOTE_ADDR")
        scope = super()._base_scope(**request)  # type: ignore[misc]
        return {**scope, "client": [address, 50000] if address else None}

    def get(self, path: str) -> Any:  # type: ignore[override]
        headers = {"user-agent": self.device["HTTP_USER_AGENT"]}
        return async_to_sync(super().get)(path, headers=headers)


def make_user(username: str = "alice", **fields: Any) -> Any:
    return get_user_model().objects.create_user(
        username, f"{username}@example.com", PASSWORD, **fields
    )
