"""The session engines that are measured side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

__all__ = ["BASELINE", "ENGINES", "OURS", "Engine"]

SESSIONS = "django.contrib.sessions"
SESSION_MIDDLEWARE = f"{SESSIONS}.middleware.SessionMiddleware"


@dataclass(frozen=True)
class Engine:
    """A session engine, and what its site has installed besides."""

    name: str
    """As tables and the command line say it."""
    distribution: str
    """What to install from PyPI."""
    store: str
    """The ``SESSION_ENGINE``."""
    rows: str
    """The label of the model whose rows are sessions."""
    apps: tuple[str, ...]
    middleware: str = SESSION_MIDDLEWARE
    late_middleware: tuple[str, ...] = ()
    """What comes after authentication."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    owned: str = ""
    """The label of the model that knows whose a session is; none in Django's engines."""
    relation: str = "session_set"
    """The name under which a user has those."""
    page: str = ""
    """The name of the page that lists them, where there is one."""

    @property
    def is_ours(self) -> bool:
        return self.store.startswith("session_backend.")

    @property
    def has_rows(self) -> bool:
        """Whether its sessions are in the database."""
        return not self.store.endswith(".cache")

    @property
    def is_installed(self) -> bool:
        return all(find_spec(app.partition(".")[0]) for app in self.apps)


def django(backend: str) -> Engine:
    return Engine(
        name=f"django-{backend}",
        distribution="Django",
        store=f"{SESSIONS}.backends.{backend}",
        rows="sessions.Session",
        apps=(SESSIONS,),
    )


def ours(backend: str) -> Engine:
    return Engine(
        name=f"ours-{backend}",
        distribution="django-session-ui",
        store=f"session_backend.backends.{backend}",
        middleware="session_backend.middleware.SessionMiddleware",
        rows="session_backend.Session",
        apps=("session_backend", "session_ui", "django_htmx", "django_tables2"),
        owned="session_backend.Session",
        page="session_ui:session_list",
    )


def qsessions(backend: str) -> Engine:
    return Engine(
        name=f"qsessions-{backend}",
        distribution="django-qsessions",
        store=f"qsessions.backends.{backend}",
        middleware="qsessions.middleware.SessionMiddleware",
        rows="qsessions.Session",
        apps=("qsessions",),
        owned="qsessions.Session",
    )


def allauth(name: str, *, tracks: bool) -> Engine:
    return Engine(
        name=name,
        distribution="django-allauth",
        store=f"{SESSIONS}.backends.cached_db",
        rows="sessions.Session",
        apps=(
            SESSIONS,
            "django.contrib.humanize",
            "allauth",
            "allauth.account",
            "allauth.usersessions",
        ),
        late_middleware=(
            "allauth.account.middleware.AccountMiddleware",
            "allauth.usersessions.middleware.UserSessionsMiddleware",
        ),
        settings={"USERSESSIONS_TRACK_ACTIVITY": tracks},
        owned="usersessions.UserSession",
        relation="usersession_set",
        page="usersessions_list",
    )


USER_SESSIONS = Engine(
    name="user-sessions",
    distribution="django-user-sessions",
    store="user_sessions.backends.db",
    middleware="user_sessions.middleware.SessionMiddleware",
    rows="user_sessions.Session",
    apps=("user_sessions",),
    owned="user_sessions.Session",
    page="user_sessions:session_list",
)
USER_SESSIONS_NG = Engine(
    name="user-sessions-ng",
    distribution="django-user-sessions-ng",
    store="django_user_sessions_ng.backends.cached_db",
    middleware="django_user_sessions_ng.middleware.SessionMiddleware",
    rows="django_user_sessions_ng.Session",
    apps=("django_user_sessions_ng", "admin_auto_filters"),
    owned="django_user_sessions_ng.Session",
    relation="sessions",
)

OURS = "ours-cached_db"
BASELINE = "django-cached_db"
ENGINES = {
    engine.name: engine
    for engine in (
        ours("cached_db"),
        ours("db"),
        django("cached_db"),
        django("db"),
        django("cache"),
        USER_SESSIONS,
        qsessions("db"),
        qsessions("cached_db"),
        USER_SESSIONS_NG,
        allauth("allauth", tracks=False),
        allauth("allauth-tracking", tracks=True),
    )
}
