"""The session engines that are measured side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

__all__ = ["BASELINE", "ENGINES", "OURS", "Engine"]


@dataclass(frozen=True)
class Engine:
    """A session engine, and what else its site installs."""

    name: str
    distribution: str
    """What to install from PyPI."""
    store: str
    """The ``SESSION_ENGINE``."""
    user_model: str = ""
    """The label of the model that knows a session's user; Django's engines have none."""
    list_url: str = ""
    """The name of the page that lists a user's sessions, if there is one."""
    more_apps: tuple[str, ...] = ()
    middleware: tuple[str, ...] = ()
    """What comes after authentication."""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def app(self) -> str:
        return self.store.partition(".backends.")[0]

    @property
    def model(self) -> str:
        """The label of the model whose rows are sessions."""
        return f"{self.app.rpartition('.')[2]}.Session"

    @property
    def is_installed(self) -> bool:
        return all(find_spec(app.partition(".")[0]) for app in (self.app, *self.more_apps))

    @property
    def is_ours(self) -> bool:
        return self.app == "session_backend"

    @property
    def has_rows(self) -> bool:
        return not self.store.endswith(".cache")

    @property
    def knows_users(self) -> bool:
        """Whether it can find the sessions of a user."""
        return bool(self.user_model)


DJANGO = "django.contrib.sessions.backends"
NG = "django_user_sessions_ng"
ALLAUTH = Engine(
    "allauth",
    "django-allauth",
    f"{DJANGO}.cached_db",
    "usersessions.UserSession",
    "usersessions_list",
    ("django.contrib.humanize", "allauth", "allauth.account", "allauth.usersessions"),
    (
        "allauth.account.middleware.AccountMiddleware",
        "allauth.usersessions.middleware.UserSessionsMiddleware",
    ),
)
OURS = Engine(
    "ours-cached_db",
    "django-session-ui",
    "session_backend.backends.cached_db",
    "session_backend.Session",
    "session_ui:session_list",
    ("session_ui", "django_htmx", "django_tables2"),
)
BASELINE = Engine("django-cached_db", "Django", f"{DJANGO}.cached_db")
ENGINES = {
    engine.name: engine
    for engine in (
        OURS,
        replace(OURS, name="ours-db", store="session_backend.backends.db"),
        replace(OURS, name="ours-no-history", settings={"SESSION_BACKEND_HISTORY_DAYS": 0}),
        BASELINE,
        Engine("django-db", "Django", f"{DJANGO}.db"),
        Engine("django-cache", "Django", f"{DJANGO}.cache"),
        Engine(
            "user-sessions",
            "django-user-sessions",
            "user_sessions.backends.db",
            "user_sessions.Session",
            "user_sessions:session_list",
        ),
        Engine("qsessions-db", "django-qsessions", "qsessions.backends.db", "qsessions.Session"),
        Engine(
            "qsessions-cached_db",
            "django-qsessions",
            "qsessions.backends.cached_db",
            "qsessions.Session",
        ),
        Engine(
            "user-sessions-ng",
            "django-user-sessions-ng",
            f"{NG}.backends.cached_db",
            f"{NG}.Session",
            more_apps=("admin_auto_filters",),
        ),
        ALLAUTH,
        replace(ALLAUTH, name="allauth-tracking", settings={"USERSESSIONS_TRACK_ACTIVITY": True}),
    )
}
