"""Requests of every day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count, cycle
from typing import Any

from django.core.cache import cache
from django.utils import timezone
from django.utils.crypto import get_random_string

from tests.bench.engines import Engine
from tests.bench.operations.base import Operation, Page
from tests.bench.site.places import ADDRESSES
from tests.bench.visitor import Answer, AsyncVisitor

__all__ = [
    "Anonymous",
    "AsyncRead",
    "DueRead",
    "Read",
    "Roaming",
    "SignIn",
    "SignOut",
    "UnknownCookie",
    "Write",
]


class Read(Page):
    name = "read"
    title = "signed-in read"
    path = "/read/"

    def verify(self, result: Answer) -> None:
        assert result.body.decode() == self.user.get_username(), (self.engine.name, result)


class AsyncRead(Read):
    name = "read-asgi"
    title = "signed-in read, ASGI"
    path = "/aread/"
    interface = "asgi"

    def set_up(self) -> None:
        super().set_up()
        self.visitor = AsyncVisitor()

    def prepare(self) -> Callable[[], Any]:
        return self.visitor.request(self.path, self.key)


class DueRead(Read):
    name = "read-due"
    title = "signed-in read, once an interval"
    _numbers = count()

    @classmethod
    def suits(cls, engine: Engine) -> bool:
        return engine.is_ours

    def prepare(self) -> Callable[[], Any]:
        long_ago = timezone.now() - timedelta(minutes=2)
        row = self.people.rows._default_manager.filter(pk=self.key)
        row.update(last_activity=long_ago, updated_at=long_ago)
        # Another prefix has no copies yet; to clear the cache would clear that of all sites.
        cache.key_prefix = f"{cache.key_prefix.partition(':')[0]}:{next(self._numbers)}"
        return super().prepare()


class Roaming(Read):
    name = "roaming"
    title = "roaming client"

    def set_up(self) -> None:
        super().set_up()
        self.addresses = cycle(ADDRESSES[:2])

    def prepare(self) -> Callable[[], Any]:
        address = next(self.addresses)
        call: Callable[[], Any] = self.people.visitor.request(self.path, self.key, ip=address)
        return call


class Write(Page):
    name = "write"
    title = "write"
    path = "/write/"


class Anonymous(Page):
    name = "anonymous"
    title = "anonymous request"
    path = "/anonymous/"

    def set_up(self) -> None:
        self.key = ""


class UnknownCookie(Page):
    name = "unknown-cookie"
    title = "unknown cookie"
    path = "/read/"

    def set_up(self) -> None:
        pass

    def prepare(self) -> Callable[[], Any]:
        self.key = get_random_string(32, "abcdefghijklmnopqrstuvwxyz0123456789")
        return super().prepare()

    def verify(self, result: Answer) -> None:
        assert (result.status, result.body) == (200, b""), (self.engine.name, result)


class SignIn(Operation):
    name = "sign-in"
    title = "sign in"

    def prepare(self) -> Callable[[], Any]:
        path = f"/sign-in/{self.people.next().pk}/"
        call: Callable[[], Any] = self.people.visitor.request(path)
        return call

    def verify(self, result: Answer) -> None:
        assert len(result.key) == 32, (self.engine.name, result)


class SignOut(Page):
    name = "sign-out"
    title = "sign out"
    path = "/sign-out/"

    def set_up(self) -> None:
        pass

    def prepare(self) -> Callable[[], Any]:
        self.key = self.people.sign_in(self.people.next())
        return super().prepare()

    def verify(self, result: Answer) -> None:
        assert not self.people.store().exists(self.key), (self.engine.name, result)
