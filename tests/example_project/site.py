"""The example as a person meets it: its command line, and its pages in a plain browser."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from pathlib import Path
from time import sleep
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

__all__ = ["Browser", "Page", "demo", "query", "serving"]

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, str(ROOT / "example_project" / "manage.py"), "demo"]
# What the surroundings of the tests may hold and a fresh checkout does not.
SWITCHES = {
    "DJANGO_SETTINGS_MODULE",
    "DATABASE_URL",
    "REDIS_URL",
    "HTMX_VERSION",
    "LANGUAGE_CODE",
    "DEBUG",
}


def environment(var: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    return {
        **kept,
        "EXAMPLE_VAR": str(var),
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }


def demo(var: Path) -> str:
    """Run ``demo --no-serve`` with its files in ``var``; return what it prints."""
    done = subprocess.run(
        [*COMMAND, "--no-serve"], env=environment(var), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@contextmanager
def serving(var: Path, **switches: str) -> Iterator[str]:
    """Run ``demo`` with its server for the time of the block; yields the address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    log = var / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*COMMAND, "--port", str(port)],
            env={**environment(var), **switches},
            stdout=output,
            stderr=output,
        )
    try:
        while not listens(port):
            assert server.poll() is None, log.read_text()
            sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def query(var: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask the example's database, past Django."""
    with closing(sqlite3.connect(var / "db.sqlite3")) as connection:
        return connection.execute(sql).fetchall()


class Page(NamedTuple):
    """An answer, with what a strict Content-Security-Policy would have refused in it."""

    status: int
    url: str
    policy: str
    text: str

    @property
    def inline(self) -> list[str]:
        """The inline scripts, styles and event handlers of the page."""
        finder = InlineFinder()
        finder.feed(self.text)
        return finder.found


class InlineFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        # A script of another type is data, which no policy stops.
        script = tag == "script" and "src" not in names and "type" not in names
        handlers = any(name == "style" or name.startswith("on") for name in names)
        if script or tag == "style" or handlers:
            self.found.append(str(self.get_starttag_text()))


class Browser:
    """Keeps cookies and sends forms, as a browser without JavaScript does."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.cookies = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))

    def open(self, path: str, **form: str) -> Page:
        """GET the page, or POST the form with the token that the cookie holds, if it holds one."""
        data = None
        if form:
            tokens = {c.name: c.value for c in self.cookies if c.name == "csrftoken"}
            data = urlencode({**form, "csrfmiddlewaretoken": tokens.get("csrftoken")}).encode()
        try:
            answer = self.opener.open(Request(self.site + path, data))
        except HTTPError as error:
            answer = error
        with answer:
            policy = answer.headers.get("Content-Security-Policy", "")
            return Page(answer.status, answer.url, policy, answer.read().decode())

    def sign_in(self, username: str, password: str) -> Page:
        """Fill in the sign-in page; return the page it leads to."""
        self.open("/accounts/login/")
        return self.open("/accounts/login/", username=username, password=password)
