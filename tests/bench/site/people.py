"""The people of a site that is measured, and their sessions."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import cycle
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models

from tests.bench.engines import Engine
from tests.bench.rows import empty, settle
from tests.bench.site.places import ADDRESSES
from tests.bench.visitor import CHROME, Visitor

__all__ = ["People"]

NUMBER = 2000
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


class People:
    """Two thousand users, who sign in by the site's own page."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.visitor = Visitor()
        model = get_user_model()
        users = model._default_manager
        if not users.exists():
            # One password, so that copies of a session are as good as the session.
            people: Any = (model(username=f"person{i}", password="!") for i in range(NUMBER))
            users.bulk_create(people)
        self.first: Any = users.order_by("pk").first()
        self._next: Iterator[Any] = cycle(users.order_by("-pk")[:NUMBER])

    @property
    def rows(self) -> type[models.Model]:
        """The model of the sessions."""
        return apps.get_model(self.engine.rows)

    @property
    def owned(self) -> type[models.Model]:
        """The model that knows whose a session is; without one, the sessions themselves."""
        return apps.get_model(self.engine.owned or self.engine.rows)

    @property
    def sessions(self) -> Any:
        """The manager of the sessions, whatever methods it has."""
        return self.rows._default_manager

    @property
    def store(self) -> Any:
        """The class of the session stores."""
        return import_module(settings.SESSION_ENGINE).SessionStore

    def everybody_leaves(self) -> None:
        """Delete all sessions."""
        empty(*self._tables)

    def settle(self) -> None:
        """Have the database tidy up after them."""
        settle(*self._tables)

    @property
    def _tables(self) -> set[str]:
        return {self.owned._meta.db_table, self.rows._meta.db_table}

    def next(self) -> Any:
        """Return one user after the other."""
        return next(self._next)

    def sign_in(self, user: Any, number: int = 0) -> str:
        """Sign a user in and return the cookie; another ``number`` is another device."""
        agent = AGENTS[number % len(AGENTS)]
        address = ADDRESSES[number % len(ADDRESSES)]
        path = f"/sign-in/{user.pk}/"
        key = self.visitor.get(path, ip=address, User_Agent=agent).key
        # The first visit after it may still have something to record.
        self.visitor.get("/read/", key, ip=address, User_Agent=agent)
        return key
