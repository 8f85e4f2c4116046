"""The site that the browsers visit: the one under test, with some pages of a host around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django import conf
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import override_settings
from pytest_django.live_server_helper import LiveServer

__all__ = ["POLICY", "TURN", "htmx", "one_by_one_under_policy", "served", "site_settings"]

POLICY = "default-src 'self'"

# Typed so because some settings are of this site only.
settings: Any = conf.settings


class Turn:
    """A lock for the database, held by the test or by one request.

    A database in memory is one connection, which Django shares among the server's threads and the
    test: used by two at once, it would mix their transactions.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.test = 0

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self.lock.release()


TURN = Turn()


def one_by_one_under_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer one request at a time, each with the strict policy."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        test = TURN.test
        with TURN:
            # A browser may have asked for something in the moment that it was closed.
            response = get_response(request) if test == TURN.test else HttpResponse(status=410)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return middleware


def htmx(request: HttpRequest) -> dict[str, Any]:
    """What the pages of the host ask: which htmx to load, and how it is configured."""
    return {"htmx_version": settings.HTMX_VERSION, "htmx_config": settings.HTMX_CONFIG}


def site_settings() -> dict[str, Any]:
    """The settings in which this site differs from the one under test."""
    engine = settings.TEMPLATES[0]
    options = engine["OPTIONS"]
    return {
        "DEBUG": False,
        "HTMX_CONFIG": {},
        "HTMX_VERSION": 2,
        "MIDDLEWARE": [f"{__name__}.one_by_one_under_policy", *settings.MIDDLEWARE],
        "ROOT_URLCONF": "tests.browser.urls",
        "SESSION_UI_POLL_INTERVAL": 1,
        "TEMPLATES": [
            {
                **engine,
                "DIRS": [Path(__file__).parent / "templates", *engine["DIRS"]],
                "OPTIONS": {
                    **options,
                    "context_processors": [*options["context_processors"], f"{__name__}.htmx"],
                },
            }
        ],
    }


@contextmanager
def served(**changed: Any) -> Iterator[LiveServer]:
    """Serve this site; pytest-django's own fixture would have the middleware of the others."""
    with override_settings(**site_settings(), **changed):
        server = LiveServer("localhost")
        yield server
        # A database in memory is shared until the server stops, and each thread of a connection
        # closes it at its end.
        for thread in threading.enumerate():
            if thread.name.endswith("(process_request_thread)"):
                thread.join(timeout=10)
        server.stop()
