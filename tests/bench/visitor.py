"""A browser that calls Django's handlers as a server does, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from functools import partial
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any, NamedTuple

__all__ = ["CHROME", "Answer", "AsyncVisitor", "Visitor"]

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)
HEADERS = {
    "Host": "bench.example",
    "User-Agent": CHROME,
    "Accept": "text/html,application/xhtml+xml",
    "Accept-Language": "en",
    "Accept-Encoding": "gzip, br",
}
ADDRESS = "130.236.63.10"


class Answer(NamedTuple):
    """What came back."""

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
        from django.core.handlers.wsgi import WSGIHandler

        self.handler = WSGIHandler()

    def request(self, path: str, key: str = "", ip: str = ADDRESS, **headers: str) -> Any:
        """Return a call that sends a GET, with nothing left to prepare."""
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SCRIPT_NAME": "",
            "REMOTE_ADDR": ip,
            "SERVER_NAME": "bench.example",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name, value in sent_headers(key, headers).items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        return partial(self._send, environ)

    def get(self, path: str, key: str = "", ip: str = ADDRESS, **headers: str) -> Answer:
        """Send a GET."""
        answer: Answer = self.request(path, key, ip, **headers)()
        return answer

    def _send(self, environ: dict[str, Any]) -> Answer:
        began: list[Any] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            began[:] = status, headers

        response: Any = self.handler(environ, start_response)
        body = b"".join(response)
        response.close()
        status, received = began
        return Answer(int(status.split()[0]), received, body)


class AsyncVisitor:
    """Calls an ``ASGIHandler``, each time in a task and a context of its own, as uvicorn does."""

    def __init__(self) -> None:
        from django.core.handlers.asgi import ASGIHandler

        self.handler = ASGIHandler()

    def request(
        self, path: str, key: str = "", ip: str = ADDRESS, **headers: str
    ) -> Callable[[], Awaitable[Answer]]:
        """Return a coroutine function that sends a GET, with nothing left to prepare."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (name.lower().encode(), value.encode())
                for name, value in sent_headers(key, headers).items()
            ],
            "client": (ip, 50_000),
            "server": ("bench.example", 80),
        }
        return partial(self._send, scope)

    async def _send(self, scope: dict[str, Any]) -> Answer:
        messages: list[Any] = []
        unread = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            # After the request nothing comes until the browser goes away.
            return unread.pop() if unread else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            messages.append(message)

        call = self.handler(scope, receive, send)
        await asyncio.get_running_loop().create_task(call, context=Context())
        received = [(name.decode(), value.decode()) for name, value in messages[0]["headers"]]
        body = b"".join(message["body"] for message in messages[1:])
        return Answer(messages[0]["status"], received, body)


def sent_headers(key: str, more: Mapping[str, str]) -> dict[str, str]:
    cookie = {"Cookie": f"sessionid={key}"} if key else {}
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {**HEADERS, **cookie, **named}
