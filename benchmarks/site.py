"""The site that is measured: the same for all engines, but for the engine."""

from __future__ import annotations

from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models

from benchmarks.engines import Engine
from benchmarks.places import ADDRESSES
from benchmarks.rows import empty, settle
from benchmarks.servers import Embedded
from benchmarks.visitor import CHROME, Visitor

__all__ = ["Site", "settings_for"]

USERS = 2000
AGENTS = [
    CHROME,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Mobile Safari/537.36",
]


def settings_for(engine: Engine, stack: Embedded, geoip: Path, *, is_async: bool) -> dict[str, Any]:
    """Return what ``settings.configure`` takes."""
    return {
        "SECRET_KEY": "only-for-the-benchmark",
        "ALLOWED_HOSTS": ["*"],
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "ROOT_URLCONF": "benchmarks.urls",
        "STATIC_URL": "static/",
        "LOGIN_REDIRECT_URL": "/",
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "LOGGING_CONFIG": None,
        "GEOIP_PATH": str(geoip),
        "SESSION_ENGINE": engine.store,
        "BENCHMARK_ENGINE": engine,
        "DATABASES": {"default": stack.database(engine.name, is_async=is_async)},
        "CACHES": {"default": stack.cache(engine.name)},
        "INSTALLED_APPS": [
            engine.app,
            *engine.more_apps,
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
        ],
        "MIDDLEWARE": [
            f"{engine.app}.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            *engine.middleware,
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                    ],
                },
            },
        ],
        **engine.settings,
    }


class Site:
    """Two thousand users, who sign in by the site's own page, and their sessions."""

    def __init__(self) -> None:
        self.engine: Engine = settings.BENCHMARK_ENGINE  # type: ignore[misc]
        self.store: Any = import_module(self.engine.store).SessionStore
        self.visitor = Visitor()
        self.users: Any = get_user_model()._default_manager
        if not self.users.exists():
            # One password, so that a copied row is as good as the session it was copied from.
            self.users.bulk_create(
                self.users.model(username=f"person{i}", password="!") for i in range(USERS)
            )
        self.first: Any = self.users.order_by("pk").first()
        self._users = cycle(self.users.order_by("-pk")[:USERS])

    @property
    def rows(self) -> Any:
        """The manager of the session rows."""
        return self.model._default_manager

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.engine.model)

    @property
    def user_rows(self) -> Any:
        """The manager of the rows that know a session's user."""
        return apps.get_model(self.engine.user_model)._default_manager

    def _tables(self) -> set[str]:
        labels = {self.engine.model, self.engine.user_model} - {""}
        if self.engine.is_ours:
            labels.add("session_backend.PastSession")
        return {apps.get_model(label)._meta.db_table for label in labels}

    def clear(self) -> None:
        """Delete all sessions, without Django's cascades."""
        empty(*self._tables())

    def settle(self) -> None:
        """Vacuum and analyze now, so that the database does not while something is measured."""
        settle(*self._tables())

    def next_user(self) -> Any:
        return next(self._users)

    def sign_in(self, user: Any, device: int = 0) -> str:
        """Sign a user in, on one of a hundred devices, and return the session key."""
        agent = AGENTS[device % len(AGENTS)]
        ip = ADDRESSES[device // len(AGENTS) % len(ADDRESSES)]
        key = self.visitor.get(f"/sign-in/{user.pk}/", ip=ip, User_Agent=agent).key
        # The first visit after it may still have something to record.
        self.visitor.get("/read/", key, ip, User_Agent=agent)
        return key
