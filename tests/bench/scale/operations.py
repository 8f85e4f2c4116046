"""What is asked of a table with any number of rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from tests.bench.operations.base import Operation, Page
from tests.bench.operations.endings import RevokeOne
from tests.bench.operations.lists import DeviceList, UnchangedPoll
from tests.bench.operations.requests import DueRead, SignIn, SignOut, Write
from tests.bench.rows import KEY, multiply
from tests.bench.scale.load import HEAVY, load, person_with
from tests.bench.visitor import Answer

__all__ = ["OPERATIONS", "SCANS"]

EXPIRED = 5000


def number_of_rows() -> int:
    site: Any = settings
    return int(site.BENCH_ROWS)


def somebody_with(sessions: int) -> Any:
    pk = person_with(sessions, number_of_rows())
    return get_user_model()._default_manager.get(pk=pk)


class Load(Operation):
    """Not measured: makes the rows."""

    name = "load"
    title = "load"

    def set_up(self) -> None:
        key = self.people.sign_in(self.people.first)
        load(self.people.rows._meta.db_table, number_of_rows(), self.people.sessions.get(pk=key).pk)

    def prepare(self) -> Callable[[], Any]:
        return lambda: None


class Kept(Operation):
    """On the rows that are there."""

    begins_empty = False


class ScaledRead(Kept, DueRead):
    name = "scale-read"


class ScaledWrite(Kept, Write):
    name = "scale-write"


class ScaledSignIn(Kept, SignIn):
    name = "scale-sign-in"


class ScaledSignOut(Kept, SignOut):
    name = "scale-sign-out"


class ScaledRevoke(Kept, RevokeOne):
    name = "scale-revoke"


class ShortList(Kept, DeviceList):
    name = "scale-list"
    title = "list of a person with 5 sessions"
    rows = 5

    def set_up(self) -> None:
        self.user = somebody_with(self.rows)
        self.key = self.people.sign_in(self.user)


class LongList(ShortList):
    name = "scale-long-list"
    title = f"first page of one with {HEAVY}"
    rows = HEAVY


class ScaledPoll(ShortList, UnchangedPoll):
    name = "scale-poll"
    title = "unchanged poll, 5 sessions"

    def set_up(self) -> None:
        ShortList.set_up(self)
        self.look()


class LongPoll(ScaledPoll):
    name = "scale-long-poll"
    title = f"unchanged poll, {HEAVY} sessions"
    rows = HEAVY


class RevokeMany(Kept):
    name = "scale-revoke-all"
    title = f"revoke all {HEAVY} of one person"
    calls = 1
    rounds = 15

    def prepare(self) -> Callable[[], Any]:
        self.user = self.people.next()
        self.people.sessions.filter(user=self.user).delete()
        key = self.people.sign_in(self.user)
        multiply(self.people.sessions.get(pk=key), HEAVY - 1, session_key=KEY)
        end: Callable[[], Any] = self.people.sessions.for_user(self.user).end
        return end

    def verify(self, result: Any) -> None:
        assert result == HEAVY, result


class Clear(Kept):
    name = "scale-clear"
    title = f"clear {EXPIRED:,} expired"
    calls = 1
    rounds = 7

    def set_up(self) -> None:
        self.user = self.people.next()
        self.row = self.people.sessions.get(pk=self.people.sign_in(self.user))

    def prepare(self) -> Callable[[], Any]:
        # Longer ago than anything else, so that it is the same number at every size.
        long_ago = timezone.now() - timedelta(days=100)
        expired = {"expire_date": f"'{long_ago:%Y-%m-%d %H:%M:%S}'::timestamptz"}
        multiply(self.row, EXPIRED, session_key=KEY, **expired)
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {self.people.rows._meta.db_table}")
        before = timezone.now() - timedelta(days=99)
        return partial(self.people.sessions.filter(expire_date__lt=before).clear)

    def verify(self, result: Any) -> None:
        assert result == EXPIRED, result


class AdminPage(Kept, Page):
    """A page of the admin, by its address."""

    calls = 1
    rounds = 5
    query = ""

    def set_up(self) -> None:
        self.user = somebody_with(5)
        staff = {"is_staff": True, "is_superuser": True}
        get_user_model()._default_manager.filter(pk=self.user.pk).update(**staff)
        self.key = self.people.sign_in(self.user)
        self.path = f"/admin/session_backend/session/{self.query}"

    def verify(self, result: Answer) -> None:
        super().verify(result)
        assert b"change-list" in result.body


PAGES = {
    "admin list": "",
    "admin list, page 100": "?p=100",
    "active": "?state=active",
    "expired": "?state=expired",
    "my own": "?owner=me",
    "of users": "?owner=users",
    "of anonymous visitors": "?owner=anonymous",
    "a type of device, a fourth": "?device_type__exact=tablet",
    "a browser, a sixth": "?browser=Firefox",
    "a browser, ten rows": "?browser=Konqueror",
    "a country, ten rows": "?country=Nauru",
    "a country that no row has": "?country=Atlantis",
    "search: part of a name, 11 people": "?q=person777",
    "search: a word that all names have": "?q=person",
    "search: an address": "?q=11.0.30.239",
    "search: the beginning of an address": "?q=11.0.30.",
    "search: nobody": "?q=nobody",
    "by last activity": "?o=-6",
    "by user": "?o=1",
}
# No index helps these, and none is worth what it would cost every sign-in and every stamp.
SCANS = {
    "a browser, ten rows",
    "a country, ten rows",
    "a country that no row has",
    "search: part of a name, 11 people",
    "search: a word that all names have",
    "search: an address",
    "search: the beginning of an address",
    "search: nobody",
    "by last activity",
}


def admin_page(number: int, title: str, query: str) -> type[Operation]:
    known = {"name": f"scale-admin-{number}", "title": title, "query": query}
    return type(f"AdminPage{number}", (AdminPage,), {**known, "__module__": __name__})


ALL: tuple[type[Operation], ...] = (
    Load,
    ScaledRead,
    ScaledWrite,
    ScaledSignIn,
    ScaledSignOut,
    ShortList,
    LongList,
    ScaledPoll,
    LongPoll,
    ScaledRevoke,
    RevokeMany,
    Clear,
    *(admin_page(number, *page) for number, page in enumerate(PAGES.items())),
)
OPERATIONS = {operation.name: operation for operation in ALL}
