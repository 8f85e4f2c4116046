"""What the tests read from a page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from session_backend.binding.state import Binding
from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, Browser

LIST = "/account/sessions/"
POLL = "/account/sessions/poll/"
REVOKE = "/account/sessions/revoke/"
OTHERS = "/account/sessions/revoke-others/"
RENAME = "/account/sessions/rename/"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/host/?tab=security"}
SIGN_IN = "/accounts/login/"


def revoke(browser: Browser, *sessions: Session | str, htmx: bool = True, **form: str) -> Any:
    """Press the button of a row."""
    ids = [str(getattr(session, "public_id", session)) for session in sessions]
    headers = HTMX if htmx else {}
    return browser.post(REVOKE, {"session": ",".join(ids), **form}, headers=headers)


def text_of(response: Any) -> str:
    """The answer, which must be HTML."""
    assert isinstance(response, HttpResponse)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return response.content.decode()


def rows_in(response: Any) -> list[UUID]:
    """The public ids of the rows, in their order."""
    ids = re.findall(r'id="session-open-([0-9a-f-]{36})"', text_of(response))
    return [UUID(found) for found in ids]


def row_in(response: Any, session: Session) -> str:
    """The HTML of one row."""
    rows: list[str] = re.findall("<tr.*?</tr>", text_of(response), re.DOTALL)
    return next(row for row in rows if str(session.public_id) in row)


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
    from session_backend.auth import accepted_hashes

    now = timezone.now()
    rows = [
        Session(
            session_key=Digest.of(f"{user.pk}-{minutes}"),
            user_id=user.pk,
            auth_hash=next(iter(accepted_hashes(user))),
            expire_date=now + timedelta(days=1),
            last_activity=now - timedelta(minutes=minutes, seconds=30),
            **{
                **Session.client_columns(client_of(PHONE)),
                # One each, or the list would show them as one.
                "ip": f"2.125.{minutes // 200}.{minutes % 200}",
                **columns,
            },
        )
        for minutes in range(1, count + 1)
    ]
    return Session.objects.bulk_create(rows)


def travel(user: AbstractBaseUser) -> None:
    """Have every session of a user used once more, each from a city of its own."""
    for number, session in enumerate(Session.objects.filter(user_id=user.pk)):
        moment = session.last_activity + timedelta(seconds=1)
        Session.objects.filter(pk=session.pk).update(
            city=f"Elsewhere {number}", last_activity=moment
        )


def mark_new(session: Session, **age: float) -> None:
    """Mark a session as a new device, for as long as a sign-in does unless told."""
    until = timezone.now() + timedelta(**(age or {"days": 400}))
    Session.objects.filter(pk=session.pk).update(new_until=until)


def bind(session: Session) -> None:
    """Have the session bound to its device."""
    jwk = {"kty": "EC", "crv": "P-256", "x": "", "y": ""}
    binding = Binding("id").renewed(jwk, "cookie")
    Session.objects.filter(pk=session.pk).update(binding=str(binding))


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


def override(settings: Any, **templates: str) -> None:
    """Put templates into the project, in front of ours."""
    loaders = [
        ("django.template.loaders.locmem.Loader", templates),
        "django.template.loaders.app_directories.Loader",
    ]
    engine = {**settings.TEMPLATES[0], "APP_DIRS": False}
    engine["OPTIONS"] = {**engine["OPTIONS"], "loaders": loaders}
    settings.TEMPLATES = [engine]


__all__ = [
    "HTMX",
    "LAPTOP",
    "LIST",
    "OTHERS",
    "PHONE",
    "POLL",
    "RENAME",
    "REVOKE",
    "SIGN_IN",
    "Browser",
    "bind",
    "captured",
    "counts_in",
    "mark_new",
    "override",
    "revoke",
    "row_in",
    "rows_in",
    "session_statements",
    "sessions_for",
    "text_of",
    "travel",
    "value_in",
]
