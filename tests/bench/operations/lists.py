"""Lists of sessions: a person's own, and the staff's of all."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib.auth import get_user_model
from django.urls import reverse

from tests.bench.engines import Engine
from tests.bench.operations.base import Page
from tests.bench.rows import KEY, multiply
from tests.bench.visitor import Answer

__all__ = ["AdminList", "DeviceList", "PlainList", "UnchangedPoll"]

DEVICES = 25
SESSIONS = 100_000


class DeviceList(Page):
    name = "list"
    title = f"device list, {DEVICES} rows"
    calls = 3
    rounds: ClassVar[int | None] = 20
    rows = DEVICES

    @classmethod
    def suits(cls, engine: Engine) -> bool:
        return bool(engine.owned)

    def set_up(self) -> None:
        self.user = self.people.first
        keys = [self.people.sign_in(self.user, number) for number in range(DEVICES)]
        self.key = keys[0]

    def prepare(self) -> Callable[[], Any]:
        if self.engine.is_ours:
            return self._asked_by_htmx("/kit/")
        path = reverse(self.engine.page) if self.engine.page else "/devices/"
        call: Callable[[], Any] = self.people.visitor.request(path, self.key)
        return call

    def _asked_by_htmx(self, path: str) -> Callable[[], Any]:
        page = "http://bench.example/account/"
        headers = {"HX_Request": "true", "HX_Current_URL": page}
        call: Callable[[], Any] = self.people.visitor.request(path, self.key, **headers)
        return call

    def verify(self, result: Answer) -> None:
        super().verify(result)
        rows = result.body.count(b"<tr")
        assert rows >= min(self.rows, DEVICES), (self.engine.name, rows)


class PlainList(DeviceList):
    name = "list-plain"
    title = "the same markup by a plain template"

    @classmethod
    def suits(cls, engine: Engine) -> bool:
        return engine.is_ours

    def set_up(self) -> None:
        super().set_up()
        kit, plain = (
            call().body.decode() for call in (self._asked_by_htmx("/kit/"), self.prepare())
        )
        assert shape(kit) == shape(plain), "bench/plain.html no longer has the markup of the kit"

    def prepare(self) -> Callable[[], Any]:
        return self._asked_by_htmx("/plain/")


class UnchangedPoll(DeviceList):
    name = "poll"
    title = "unchanged poll"
    calls = 10
    rounds = None

    @classmethod
    def suits(cls, engine: Engine) -> bool:
        return engine.is_ours

    def set_up(self) -> None:
        super().set_up()
        self.look()

    def look(self) -> None:
        """See the list, to ask again whether it has changed."""
        self.csrf_token = "a" * 32
        self.path = "/kit/poll/"
        shown = self._with_csrf_cookie(self.path)()
        found = re.search(rb'id="session-ver"[^>]*value="(\w+)"', shown.body)
        assert found, shown
        self.version = found[1].decode()

    def prepare(self) -> Callable[[], Any]:
        return self._with_csrf_cookie(f"{self.path}?ver={self.version}")

    def _with_csrf_cookie(self, path: str) -> Callable[[], Any]:
        cookies = f"sessionid={self.key}; csrftoken={self.csrf_token}"
        headers = {"HX_Request": "true", "Cookie": cookies}
        call: Callable[[], Any] = self.people.visitor.request(path, **headers)
        return call

    def verify(self, result: Answer) -> None:
        if result.status == 200:
            # "Just now" has become "1 minute ago".
            self.version = re.findall(rb'id="session-ver"[^>]*value="(\w+)"', result.body)[
                0
            ].decode()


class AdminList(Page):
    name = "admin"
    title = f"admin list, {SESSIONS:,} rows"
    calls = 1
    rounds = 5

    @classmethod
    def suits(cls, engine: Engine) -> bool:
        return bool(engine.owned)

    def set_up(self) -> None:
        super().set_up()
        get_user_model()._default_manager.filter(pk=self.user.pk).update(
            is_staff=True, is_superuser=True
        )
        user_id = f"{self.user.pk} + i %% 2000"
        row = self.people.owned._default_manager.get()
        expressions = {"session_key": KEY, "user_id": user_id}
        multiply(row, SESSIONS, **expressions)
        self.people.settle()
        meta = self.people.owned._meta
        self.path = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")

    def verify(self, result: Answer) -> None:
        super().verify(result)
        assert result.body.count(b"<tr") >= 100, self.engine.name


def shape(html: str) -> list[str]:
    """Return the tags and the words of a page, without what is different each time."""
    html = re.sub(r'(name="(ver|csrfmiddlewaretoken)" value=")\w*', r"\1", html)
    return re.sub(r"\s+", " ", re.sub(r"\s*(<[^>]*>)\s*", r"\n\1\n", html)).split()
