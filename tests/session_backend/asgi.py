"""A browser in front of Django's real ASGI handler, and a count of its hops to threads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, async_to_sync
from django.core.asgi import get_asgi_application
from django.http import HttpResponse

from session_backend.fields import Digest
from session_backend.models import Session

__all__ = ["AsgiBrowser", "hops"]


class AsgiBrowser:
    """As much of tests.browsers.Browser as the tests of the middleware ask for."""

    def __init__(self, device: dict[str, str]) -> None:
        self.cookies: SimpleCookie = SimpleCookie()
        self.device = device
        self._application: Any = None

    def get(self, path: str) -> HttpResponse:
        if self._application is None:
            self._application = get_asgi_application()
        response = async_to_sync(self._exchange)(path)
        self.cookies.update(response.cookies)
        return response

    async def _exchange(self, path: str) -> HttpResponse:
        cookies = "; ".join(f"{m.key}={m.coded_value}" for m in self.cookies.values() if m.value)
        address = self.device.get("REMOTE_ADDR")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "client": [address, 50000] if address else None,
            "headers": [
                (b"host", b"testserver"),
                (b"user-agent", self.device["HTTP_USER_AGENT"].encode("latin-1")),
                (b"cookie", cookies.encode("latin-1")),
            ],
        }
        incoming = [{"type": "http.request", "body": b"", "more_body": False}]
        outgoing: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not incoming:
                # The browser stays until it has its answer.
                await asyncio.Event().wait()
            return incoming.pop()

        async def send(message: dict[str, Any]) -> None:
            outgoing.append(message)

        await self._application(scope, receive, send)
        return answer(outgoing)

    @property
    def key(self) -> str | None:
        cookie = self.cookies.get("sessionid")
        return cookie.value or None if cookie else None

    @property
    def row(self) -> Session:
        return Session.objects.get(pk=Digest.of(self.key or ""))


def answer(messages: list[dict[str, Any]]) -> HttpResponse:
    """Return the response that was sent as Django's test client would."""
    start, *bodies = messages
    response = HttpResponse(b"".join(body["body"] for body in bodies), status=start["status"])
    del response.headers["Content-Type"]
    for name, value in start["headers"]:
        if name == b"Set-Cookie":
            response.cookies.load(value.decode("latin-1"))
        else:
            response.headers[name.decode("latin-1")] = value.decode("latin-1")
    return response


@contextmanager
def hops(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the names of the functions that a coroutine runs in a thread."""
    names: list[str] = []
    call = SyncToAsync.__call__

    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        names.append(getattr(self.func, "__name__", repr(self.func)))
        return await call(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(SyncToAsync, "__call__", counted)
        yield names
