"""A browser that calls Django's handlers as a server does, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from functools import partial
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import AsyncRequestFactory, RequestFactory

__all__ = ["CHROME", "Answer", "AsyncVisitor", "Visitor"]

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)
HEADERS = {
    "User-Agent": CHROME,
    "Accept": "text/html,application/xhtml+xml",
    "Accept-Language": "en",
    "Accept-Encoding": "gzip, br",
}
ADDRESS = "130.236.63.10"


class Answer(NamedTuple):
    """The response to a request."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def key(self) -> str:
        """The session key in the cookie that was set."""
        cookies = SimpleCookie()
        for name, value in self.headers:
            if name.lower() == "set-cookie":
                cookies.load(value)
        return cookies["sessionid"].value


class Visitor:
    """Calls a ``WSGIHandler``."""

    def __init__(self) -> None:
        self.handler = WSGIHandler()

    def request(
        self,
        path: str,
        key: str = "",
        ip: str = ADDRESS,
        *,
        bound_cookie: str = "",
        method: str = "GET",
        **headers: str,
    ) -> Callable[[], Answer]:
        """Return a call that sends a request, with nothing left to prepare."""
        factory = RequestFactory(headers=HEADERS | with_dashes(headers), REMOTE_ADDR=ip)
        if key:
            factory.cookies["sessionid"] = key
        if bound_cookie:
            factory.cookies["sessionid_bound"] = bound_cookie
        return partial(self._send, factory.generic(method, path).environ)

    def get(self, path: str, key: str = "", ip: str = ADDRESS, **headers: str) -> Answer:
        return self.request(path, key, ip, **headers)()

    def _send(self, environ: dict[str, Any]) -> Answer:
        started: list[Any] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            started[:] = status, headers

        response: Any = self.handler(environ, start_response)
        body = b"".join(response)
        response.close()
        status, headers = started
        return Answer(int(status.split()[0]), headers, body)


class AsyncVisitor:
    """Calls an ``ASGIHandler``, each time in a task and a context of its own, as uvicorn does."""

    def __init__(self) -> None:
        self.handler = ASGIHandler()

    def request(self, path: str, key: str) -> Callable[[], Awaitable[Answer]]:
        """Return a coroutine function that sends a GET, with nothing left to prepare."""
        factory = AsyncRequestFactory(headers=HEADERS)
        factory.cookies["sessionid"] = key
        scope = {**factory.get(path).scope, "client": (ADDRESS, 50_000)}
        return partial(self._send, scope)

    async def _send(self, scope: dict[str, Any]) -> Answer:
        messages: list[Any] = []
        unread = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            # After the request nothing comes until the browser disconnects.
            return unread.pop() if unread else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            messages.append(message)

        call = self.handler(scope, receive, send)
        await asyncio.get_running_loop().create_task(call, context=Context())
        headers = [(name.decode(), value.decode()) for name, value in messages[0]["headers"]]
        body = b"".join(message["body"] for message in messages[1:])
        return Answer(messages[0]["status"], headers, body)


def with_dashes(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
