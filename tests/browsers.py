"""Two people's browsers, as the tests speak of them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client

from session_backend.fields import Digest
from session_backend.models import Session

__all__ = ["LAPTOP", "PHONE", "Browser", "make_user"]

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


class Browser(Client):
    """Django's test client with a device, an address and words for what a person does."""

    def __init__(self, device: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs, **device)

    def sign_in(self, user: AbstractBaseUser) -> Browser:
        response = self.post(
            "/accounts/login/", {"username": user.get_username(), "password": PASSWORD}
        )
        assert response.status_code == 302, response.content
        return self

    @property
    def key(self) -> str | None:
        """The session key in the cookie; None where there is none."""
        cookie = self.cookies.get("sessionid")
        return cookie.value or None if cookie else None

    @property
    def row(self) -> Session:
        """The row of the session; DoesNotExist where it has ended."""
        return Session.objects.get(pk=Digest.of(self.key or ""))


def make_user(username: str = "alice", **fields: Any) -> Any:
    return get_user_model().objects.create_user(
        username, f"{username}@example.com", PASSWORD, **fields
    )
