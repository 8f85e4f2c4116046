"""What the tests of the kit ask of a page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import F
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, Browser

LIST = "/account/sessions/"
POLL = "/account/sessions/poll/"
OTHERS = "/account/sessions/revoke-others/"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/host/?tab=security"}
SIGN_IN = "/accounts/login/"


def revoke_url(session: Session | str) -> str:
    """The address that ends a session."""
    key = session.pk if isinstance(session, Session) else session
    return reverse("session_ui:session_revoke", args=[key])


def text_of(response: Any) -> str:
    """The answer, which must be HTML."""
    assert isinstance(response, HttpResponse)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return response.content.decode()


def rows_in(response: Any) -> list[Digest]:
    """The public ids of the rows, in their order."""
    found = re.findall(r'<tr id="session-([0-9a-f]{40})"', text_of(response))
    return [Digest(digest) for digest in found]


def row_in(response: Any, session: Session) -> str:
    """The HTML of one row."""
    found = re.search(rf'<tr id="session-{session.pk}".*?</tr>', text_of(response), re.DOTALL)
    assert found
    return found[0]


def value_in(response: Any, name: str) -> str:
    """The value of the first hidden input of that name."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text_of(response))
    assert found, name
    return found[1]


def counts_in(response: Any) -> list[str]:
    """The numbers in the badges, those out of band included."""
    pattern = (
        r'<span (?:class="session-count[^"]*"|hx-swap-oob="innerHTML:.session-count")>([^<]*)<'
    )
    return re.findall(pattern, text_of(response))


def sessions_for(user: AbstractBaseUser, count: int, **columns: Any) -> list[Session]:
    """Make sessions that were last active a minute, two, three minutes ago."""
    from session_backend.owner import accepted_hashes

    now = timezone.now()
    rows = [
        Session(
            session_key=Digest.of(f"{user.pk}-{minutes}"),
            user_id=user.pk,
            auth_hash=next(iter(accepted_hashes(user))),
            expire_date=now + timedelta(days=1),
            last_activity=now - timedelta(minutes=minutes, seconds=30),
            **{**Session.client_columns(client_of(PHONE)), **columns},
        )
        for minutes in range(1, count + 1)
    ]
    return Session.objects.bulk_create(rows)


def travel(user: AbstractBaseUser) -> None:
    """Have every session of a user used once more, from a city by the name of Elsewhere."""
    moment = F("last_activity") + timedelta(seconds=1)
    Session.objects.filter(user_id=user.pk).update(city="Elsewhere", last_activity=moment)


def client_of(device: dict[str, str]) -> Any:
    """What is recorded of a device."""
    from session_backend.client import Client

    return Client(ip=device["REMOTE_ADDR"], user_agent=device["HTTP_USER_AGENT"])


def session_statements(queries: CaptureQueriesContext) -> list[str]:
    """The captured statements on the table of sessions, less the read of the visitor's own.

    That one asks for the data, which the list never does.
    """
    every = [query["sql"] for query in queries]
    return [sql for sql in every if Session._meta.db_table in sql and "session_data" not in sql]


def captured() -> CaptureQueriesContext:
    """Capture the statements of a block."""
    return CaptureQueriesContext(connection)


__all__ = [
    "HTMX",
    "LAPTOP",
    "LIST",
    "OTHERS",
    "PHONE",
    "POLL",
    "SIGN_IN",
    "Browser",
    "captured",
    "counts_in",
    "revoke_url",
    "row_in",
    "rows_in",
    "session_statements",
    "sessions_for",
    "text_of",
    "travel",
    "value_in",
]
