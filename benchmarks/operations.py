"""The operations, in the order of the tables."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib import import_module
from io import StringIO
from itertools import count, cycle
from typing import Any, ClassVar

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from django.apps import apps
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from jwt.algorithms import ECAlgorithm

from benchmarks.places import ADDRESSES
from benchmarks.rows import KEY, multiply
from benchmarks.site import Site
from benchmarks.visitor import Answer, AsyncVisitor, Visitor

__all__ = ["OPERATIONS", "Operation"]

Call = Callable[[], Any]
MANY = 1000
EXPIRED, LIVE = 50_000, 10_000
ADMIN_ROWS = 100_000
# CPython allocates the frames of Python calls in chunks. A loop that crosses the end of one again
# and again pays for it each time, so a page's cost depends on how deep the server calls it.
DEPTHS = range(0, 200, 20)


class Operation(ABC):
    """An operation that is measured."""

    title: ClassVar[str]
    is_async: ClassVar[bool] = False
    calls: ClassVar[int] = 10
    """How many times it is run in a round."""
    rounds: ClassVar[int] = 1000
    """The maximum number of rounds."""
    starts_empty: ClassVar[bool] = True
    """Whether other sessions are deleted before it."""
    needs: ClassVar[str] = "is_installed"
    """The property of the engines that can do it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.engine = site.engine

    def set_up(self) -> None:  # noqa: B027
        """Create what it needs."""

    @abstractmethod
    def prepare(self) -> Call:
        """Return the next call, with nothing left to prepare: only the call is measured."""

    def verify(self, result: Any) -> None:  # noqa: B027
        """Raise if a call did not do what is being measured."""


class Page(Operation):
    """A GET by a signed-in user."""

    path: str

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.depths = cycle([0])

    def set_up(self) -> None:
        self.user = self.site.first
        self.key = self.site.sign_in(self.user)

    def request(self) -> Call:
        return self.site.visitor.request(self.path, self.key)

    def prepare(self) -> Call:
        return partial(call_deep, next(self.depths), self.request())

    def verify(self, result: Answer) -> None:
        assert result.status == 200, (self.engine.name, result.status, result.body[:500])


class Read(Page):
    title = "signed-in read"
    path = "/read/"

    def verify(self, result: Answer) -> None:
        assert result.body.decode() == self.user.get_username(), (self.engine.name, result)


class AsyncRead(Read):
    title = "signed-in read, ASGI"
    path = "/aread/"
    is_async = True

    def set_up(self) -> None:
        super().set_up()
        self.visitor = AsyncVisitor()

    def prepare(self) -> Call:
        return self.visitor.request(self.path, self.key)


class DueRead(Read):
    title = "signed-in read, once an interval"
    needs = "is_ours"
    _numbers = count()

    def prepare(self) -> Call:
        long_ago = timezone.now() - timedelta(minutes=2)
        row = self.site.rows.filter(pk=self.key)
        row.update(last_activity=long_ago, updated_at=long_ago)
        # Under another prefix nothing is cached yet; clearing the cache would clear all sites'.
        cache.key_prefix = f"{cache.key_prefix.partition(':')[0]}:{next(self._numbers)}"
        return super().prepare()


class BoundRead(Read):
    title = "signed-in read, bound to a device"
    needs = "is_ours"
    bound_cookie = "x" * 32

    def set_up(self) -> None:
        from session_backend.binding.state import Binding

        override_settings(SESSION_BACKEND_BINDING="offer").enable()
        super().set_up()
        self.private = generate_private_key(SECP256R1())
        jwk = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        binding = Binding("benchmark").renewed(jwk, self.bound_cookie)
        long_ago = timezone.now() - timedelta(minutes=2)
        self.site.rows.filter(pk=self.key).update(binding=str(binding), updated_at=long_ago)
        cache.clear()

    def request(self) -> Call:
        return self.site.visitor.request(self.path, self.key, bound_cookie=self.bound_cookie)


class Refresh(BoundRead):
    title = "refresh of a binding"

    def set_up(self) -> None:
        super().set_up()
        self.visitor = Visitor()
        self.visitor.get("/read/", self.key, bound_cookie=self.bound_cookie)

    def prepare(self) -> Call:
        row = self.site.rows.get(pk=self.key)
        claims = {"jti": json.loads(row.binding)["challenge"]}
        proof = jwt.encode(claims, self.private, "ES256", {"typ": "dbsc+jwt"})
        headers = {"Secure_Session_Response": proof, "Sec_Secure_Session_Id": "benchmark"}
        return self.visitor.request("/session-binding/refresh", self.key, method="POST", **headers)

    def verify(self, result: Answer) -> None:
        assert result.status == 200, result


class Anonymous(Page):
    title = "anonymous request"
    path = "/anonymous/"

    def set_up(self) -> None:
        self.key = ""


class UnknownCookie(Page):
    title = "unknown cookie"
    path = "/read/"

    def set_up(self) -> None:
        """Sign nobody in."""

    def prepare(self) -> Call:
        self.key = get_random_string(32, "abcdefghijklmnopqrstuvwxyz0123456789")
        return super().prepare()

    def verify(self, result: Answer) -> None:
        assert (result.status, result.body) == (200, b""), (self.engine.name, result)


class Write(Page):
    title = "write"
    path = "/write/"


class SignIn(Operation):
    title = "sign in"

    def prepare(self) -> Call:
        return self.site.visitor.request(f"/sign-in/{self.site.next_user().pk}/")

    def verify(self, result: Answer) -> None:
        assert len(result.key) == 32, (self.engine.name, result)


class SignOut(Page):
    title = "sign out"
    path = "/sign-out/"

    def set_up(self) -> None:
        """Each call has a session of its own."""

    def prepare(self) -> Call:
        self.key = self.site.sign_in(self.site.next_user())
        return super().prepare()

    def verify(self, result: Answer) -> None:
        assert not self.site.store().exists(self.key), (self.engine.name, result)


class Roaming(Read):
    title = "roaming client"

    def set_up(self) -> None:
        super().set_up()
        self.addresses = cycle(ADDRESSES[:2])

    def request(self) -> Call:
        return self.site.visitor.request(self.path, self.key, next(self.addresses))


class DeviceList(Page):
    title = "device list, 25 rows"
    calls = len(DEPTHS)
    rounds = 8
    devices = 25
    needs = "knows_users"
    # What htmx asks for: the list without the page around it.
    headers: ClassVar[dict[str, str]] = {
        "HX_Request": "true",
        "HX_Current_URL": "http://testserver/account/",
    }

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.depths = cycle(DEPTHS)

    def set_up(self) -> None:
        override_settings(SESSION_UI_PAGE_SIZE=self.devices).enable()
        self.user = self.site.first
        self.key, *_ = [self.site.sign_in(self.user, n) for n in range(self.devices)]

    def request(self) -> Call:
        if self.engine.is_ours:
            return self.site.visitor.request("/list/", self.key, **self.headers)
        path = reverse(self.engine.list_url) if self.engine.list_url else "/devices/"
        return self.site.visitor.request(path, self.key)

    def verify(self, result: Answer) -> None:
        super().verify(result)
        rows = result.body.count(b"<tr")
        assert rows >= self.devices, (self.engine.name, rows)


class LongDeviceList(DeviceList):
    title = "device list, 100 rows"
    rounds = 4
    devices = 100


class DevicePage(DeviceList):
    title = "page of the device list, 25 rows"
    headers: ClassVar[dict[str, str]] = {}


class FloorList(DeviceList):
    title = "one query and a format string, 25 rows"
    needs = "is_ours"

    def request(self) -> Call:
        return self.site.visitor.request("/floor/", self.key)


class UnchangedPoll(DeviceList):
    title = "unchanged poll"
    rounds = 1000
    needs = "is_ours"
    path = "/list/poll/"

    def set_up(self) -> None:
        super().set_up()
        self.version = ""
        self.verify(self.request()())
        assert self.version

    def request(self) -> Call:
        # The page holds the CSRF token of the visitor's cookie.
        cookies = f"sessionid={self.key}; csrftoken={'a' * 32}"
        path = f"{self.path}?ver={self.version}"
        return self.site.visitor.request(path, Cookie=cookies, HX_Request="true")

    def verify(self, result: Answer) -> None:
        # 204, unless "just now" has become "1 minute ago".
        if result.status != 204:
            found = re.search(rb'id="session-ver"[^>]*value="(\w+)"', result.body)
            assert found, result
            self.version = found[1].decode()


class Pair(Operation):
    """Two pages in turn, to compare them with each other at the same moment."""

    calls = 2 * len(DEPTHS)
    needs = "is_ours"
    pages: ClassVar[tuple[type[Page], type[Page]]]

    def set_up(self) -> None:
        first, second = (page(self.site) for page in self.pages)
        first.depths, second.depths = cycle(DEPTHS), cycle(DEPTHS)
        first.set_up()
        second.user, second.key = first.user, first.key
        self.turns = cycle([first, second])

    def prepare(self) -> Call:
        self.page = next(self.turns)
        return self.page.prepare()

    def verify(self, result: Answer) -> None:
        self.page.verify(result)


class ListByFloor(Pair):
    title = "device list, by one query and a format string"
    pages = (DeviceList, FloorList)


class PollByRead(Pair):
    title = "unchanged poll, by the signed-in read"
    pages = (UnchangedPoll, Read)


class RevokeOne(Operation):
    title = "revoke one"

    def prepare(self) -> Call:
        user = self.site.next_user()
        self.key = self.site.sign_in(user)
        if apps.is_installed("allauth.usersessions"):
            end: Call = self.site.user_rows.get(user=user).end
            return end
        key: Any = self.key
        if self.engine.is_ours:
            from session_backend.fields import Digest

            # A list knows the digest only.
            key = Digest.of(self.key)
        return partial(self.site.store().delete, key)

    def verify(self, result: Any) -> None:
        assert not self.site.store().exists(self.key), self.engine.name


class RevokeAll(Operation):
    title = f"revoke {MANY:,} of one user"
    calls = 1
    rounds = 5
    needs = "has_rows"

    def set_up(self) -> None:
        self.user = self.site.next_user()

    def prepare(self) -> Call:
        self.site.clear()
        key = self.site.sign_in(self.user)
        if apps.is_installed("allauth.usersessions"):
            return self._prepare_allauth(key)
        multiply(self.site.rows.get(), MANY - 1, session_key=KEY)
        if self.engine.user_model:
            rows = self.site.user_rows.filter(user=self.user)
            revoke: Call = rows.revoke if self.engine.is_ours else rows.delete
            return revoke
        # Django's engines do not know a session's user: the floor, for a site that would.
        return partial(self._delete, list(self.site.rows.values_list("pk", flat=True)))

    def _delete(self, keys: list[str]) -> None:
        self.site.rows.filter(pk__in=keys).delete()
        prefix = getattr(self.site.store, "cache_key_prefix", None)
        if prefix:
            cache.delete_many([prefix + key for key in keys])

    def _prepare_allauth(self, key: str) -> Call:
        multiply(self.site.user_rows.get(), MANY - 1, session_key=KEY)
        quote = connection.ops.quote_name
        sessions = quote(self.site.model._meta.db_table)
        tracked = quote(self.site.user_rows.model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {sessions} (session_key, session_data, expire_date)"
                " SELECT tracked.session_key, one.session_data, one.expire_date"
                f" FROM {tracked} AS tracked, {sessions} AS one"
                " WHERE tracked.session_key <> %s AND one.session_key = %s",
                [key, key],
            )
        adapter = import_module("allauth.usersessions.adapter").get_adapter()
        return partial(adapter.end_sessions, self.site.user_rows.filter(user=self.user))

    def verify(self, result: Any) -> None:
        left = self.site.rows.count()
        assert left == 0, (self.engine.name, left)


class ClearExpired(Operation):
    title = f"clear {EXPIRED:,} expired of {EXPIRED + LIVE:,}"
    calls = 1
    rounds = 3
    needs = "has_rows"

    def prepare(self) -> Call:
        self.site.clear()
        self.site.sign_in(self.site.first)
        row = self.site.rows.get()
        user = {}
        if self.engine.user_model == self.engine.model:
            user = {"user_id": f"{self.site.first.pk} + i / 5 %% 2000"}
        multiply(row, LIVE - 1, session_key=KEY, **user)
        expired = f"'{timezone.now() - timedelta(days=1):%Y-%m-%d %H:%M:%S}'"
        if connection.vendor == "postgresql":
            expired += "::timestamptz"
        multiply(row, EXPIRED, session_key=KEY, expire_date=expired, **user)
        self.site.settle()
        return partial(call_command, "clearsessions", stdout=StringIO())

    def verify(self, result: Any) -> None:
        left = self.site.rows.count()
        assert left == LIVE, (self.engine.name, left)


class AdminList(Page):
    title = f"admin list, {ADMIN_ROWS:,} rows"
    calls = 1
    rounds = 5
    needs = "knows_users"

    def set_up(self) -> None:
        super().set_up()
        self.site.users.filter(pk=self.user.pk).update(is_staff=True, is_superuser=True)
        user_id = f"{self.user.pk} + i %% 2000"
        multiply(self.site.user_rows.get(), ADMIN_ROWS, session_key=KEY, user_id=user_id)
        self.site.settle()
        meta = self.site.user_rows.model._meta
        self.path = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")

    def verify(self, result: Answer) -> None:
        super().verify(result)
        assert result.body.count(b"<tr") >= 100, self.engine.name


def call_deep(depth: int, call: Call) -> Any:
    """Make a call with so many frames below it."""
    return call_deep(depth - 1, call) if depth else call()


OPERATIONS: dict[str, type[Operation]] = {
    "read": Read,
    "read-asgi": AsyncRead,
    "read-due": DueRead,
    "read-bound": BoundRead,
    "refresh": Refresh,
    "anonymous": Anonymous,
    "unknown-cookie": UnknownCookie,
    "write": Write,
    "sign-in": SignIn,
    "sign-out": SignOut,
    "roaming": Roaming,
    "list": DeviceList,
    "list-100": LongDeviceList,
    "page": DevicePage,
    "list-floor": FloorList,
    "poll": UnchangedPoll,
    "list-by-floor": ListByFloor,
    "poll-by-read": PollByRead,
    "revoke-one": RevokeOne,
    "revoke-1000": RevokeAll,
    "clear": ClearExpired,
    "admin": AdminList,
}
