"""The example from the outside: its command line, and its pages in a simple browser."""

from __future__ import annotations

import os
import re
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
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

__all__ = ["Browser", "Page", "demo", "query", "serving"]

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, str(ROOT / "example_project" / "manage.py"), "demo"]
# The environment of the tests may set these; a fresh clone does not.
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
    """Run ``demo --no-serve`` with its files in ``var`` and return what it prints."""
    done = subprocess.run(
        [*COMMAND, "--no-serve"], env=environment(var), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@contextmanager
def serving(var: Path, port: int | None = None, /, **switches: str) -> Iterator[str]:
    """Run ``demo`` with its server, by default on a free port; yields the address it prints."""
    log = var / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*COMMAND, "--port", str(port or free_port())],
            env={**environment(var), **switches},
            stdout=output,
            stderr=output,
        )
    try:
        while not answers(address := printed_address(log)):
            assert server.poll() is None, log.read_text()
            sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
    return port


def printed_address(log: Path) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
    return found[0] if found else ""


def answers(address: str) -> bool:
    try:
        urlopen(address, timeout=10).close()
    except (ValueError, URLError):
        return False
    return True


def query(var: Path, sql: str) -> list[tuple[Any, ...]]:
    """Query the example's database without Django."""
    with closing(sqlite3.connect(var / "db.sqlite3")) as connection:
        return connection.execute(sql).fetchall()


class Page(NamedTuple):
    """A response, and what a strict Content-Security-Policy would block in it."""

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
    """Keeps cookies and submits forms, like a browser without JavaScript."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.cookies = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))

    def open(self, path: str, **form: str) -> Page:
        """GET the page, or POST the form with the CSRF token from the cookie, if any."""
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
        """Submit the sign-in form and return the next page."""
        self.open("/accounts/login/")
        return self.open("/accounts/login/", username=username, password=password)
