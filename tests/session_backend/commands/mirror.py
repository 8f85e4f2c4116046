"""A local web server with the responses that a test gives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import NamedTuple

__all__ = ["Answer", "Mirror", "serving"]


class Answer(NamedTuple):
    body: bytes = b""
    status: int = 200
    location: str = ""
    # Send half of the body, and the rest when `Mirror.release` is set.
    halves: bool = False


class Mirror:
    """Responds by path and query; `requests` are the paths and credentials of the requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.sent_half = Event()
        self.release = Event()

    def put(self, path: str, body: bytes, *, checksum: bytes | None = None) -> str:
        """Serve a file and its checksum; returns the URL of the file."""
        self.answers[path] = Answer(body)
        line = sha256(body).hexdigest().encode() + b"  GeoLite2-City_20260101.tar.gz\n"
        self.answers[f"{path}.sha256"] = Answer(line if checksum is None else checksum)
        return self.url + path


@contextmanager
def serving() -> Iterator[Mirror]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mirror.requests.append((self.path, self.headers["Authorization"]))
            answer = mirror.answers.get(self.path, Answer(status=404))
            self.send_response(answer.status)
            if answer.location:
                self.send_header("Location", answer.location)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            half = len(answer.body) // 2 if answer.halves else len(answer.body)
            self.wfile.write(answer.body[:half])
            if answer.halves:
                mirror.sent_half.set()
                mirror.release.wait(30)
                self.wfile.write(answer.body[half:])

        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # the client was killed
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mirror = Mirror(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield mirror
    finally:
        mirror.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
