"""The sessions of the person who asks, as one page of a list."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from django.core.paginator import Page, Paginator
from django.db import router
from django.db.models import Case, Count, Max, SmallIntegerField, When
from django.http import HttpRequest, QueryDict
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from session_backend import sql
from session_backend.conf import conf as backend_conf
from session_backend.devices import DeviceType
from session_backend.fields import Digest
from session_ui import text
from session_ui.conf import conf
from session_ui.history import History, page_number
from session_ui.reauthentication import PasswordForm, asks_for_password, is_required

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_backend.models import AbstractSession, SessionQuerySet
    from session_ui.tables import SessionTable

    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

__all__ = ["SessionList", "Version", "stored_sessions"]

PREFIX = "session-"
VERSION_FIELD = "ver"
OPEN_FIELD = "session-open"
# Where a request keeps the number of sessions, for all the badges of a page.
COUNT_KEY = "session_ui.count"
# The newest of these say, with the number of rows, whether the sessions have changed.
NEWEST = ("last_activity", "created_at", "updated_at")
# Seconds after which a poll renders the list whatever the state: a template of the site may show
# more than the sessions.
LONGEST = 300
# How long a new device stays marked once the person has seen it from another one.
SEEN = timedelta(minutes=10)


def stored_sessions() -> SessionQuerySet:
    """Return the sessions of everybody."""
    model: Any = backend_conf.session_store.get_model_class()
    # A replica may still show what has just been signed out.
    sessions: SessionQuerySet = model.objects.using(router.db_for_write(model))
    return sessions


class LeanPaginator(AnyPaginator):
    """Reads one row more than a page holds, and counts only when that leaves a doubt.

    So a list that fits on one page, which nearly all do, is one statement.
    """

    def page(self, number: int | str) -> Page[Any]:
        """Return that page: the first for nonsense, the last for a number past it."""
        number = page_number(number)
        start = (number - 1) * self.per_page
        records = list(self.object_list[start : start + self.per_page + 1])
        if not records and number > 1:
            self._forget()
            return self.page(min(self.num_pages, number - 1))
        if len(records) <= self.per_page:
            self._forget()
            self.count = start + len(records)
        return Page(records[: self.per_page], number, self)

    def _forget(self) -> None:
        # Both are cached properties.
        for name in ("count", "num_pages"):
            self.__dict__.pop(name, None)


class Version(NamedTuple):
    """What the page keeps of the list that it shows, and sends with every poll."""

    shown: str
    """A fingerprint of the rendered list."""
    state: str
    """A fingerprint of what one short query tells of the sessions."""
    until: int
    """While the state is the same the list is, up to this time, in seconds since the epoch.

    0 where more than the sessions decides what the list shows.
    """

    def __str__(self) -> str:
        return f"{self.shown}_{self.state}_{self.until}"

    @classmethod
    def parse(cls, text: str) -> Version:
        """Return the version that a request names; one that no list has for anything else."""
        match text.split("_"):
            case [shown, state, until] if until.isdecimal() and len(until) < 16:
                return cls(shown, state, int(until))
        return cls("", "", 0)


class SessionList:
    """What the list shows to one request: the rows of a page, their order and their version.

    ``params`` holds what the visitor chose, ``session-page``, ``session-sort`` and
    ``session-open``: the request's GET, where nothing is given. ``page_url`` is the address of the
    page that holds the list.
    """

    def __init__(
        self,
        request: HttpRequest,
        params: QueryDict | None = None,
        page_url: str | None = None,
    ) -> None:
        self.request = request
        self.params = request.GET if params is None else params
        self.page_url = page_url or request.get_full_path()
        self.open = self.params.get(OPEN_FIELD, "")
        self.now = text.local_now()

    @cached_property
    def current_key(self) -> Digest | None:
        """The digest of the visitor's own session key."""
        key = self.request.session.session_key
        return Digest.of(key) if key else None

    def get_queryset(self) -> SessionQuerySet:
        """Return the sessions to show, in any order."""
        return stored_sessions().for_user(self.request.user).active().defer("session_data")

    @property
    def every_session(self) -> SessionQuerySet:
        """Every session of the visitor, to revoke: even those that a password change has ended."""
        return stored_sessions().filter(user=self.request.user.pk).defer("session_data")

    def get_table(self) -> SessionTable:
        """Return the table, ordered and cut to its page."""
        table = conf.table_class(data=self.get_queryset(), prefix=PREFIX)
        table.listing = self
        # One column only: a thousand of them are an error of the database.
        sort = self.params.get(table.prefixed_order_by_field, "").split(",")[0]
        name = sort.removeprefix("-")
        if name in table.columns and table.columns[name].orderable:
            table.order_by = table.sort = sort
        table.paginator = LeanPaginator(self.in_order(table), conf.page_size)
        table.page = table.paginator.page(self.params.get(table.prefixed_page_field, "1"))
        self.request.META[COUNT_KEY] = table.paginator.count
        return table

    def in_order(self, table: SessionTable) -> SessionQuerySet:
        """Return the rows in the table's order; unless sorted, the current session is first."""
        queryset: SessionQuerySet = table.data.data
        first = [] if table.sort else self._current_first
        return queryset.order_by(*first, *queryset.query.order_by, "pk")

    @property
    def _current_first(self) -> list[Case]:
        if not self.current_key:
            return []
        current = When(pk=self.current_key, then=0)
        return [Case(current, default=1, output_field=SmallIntegerField())]

    @cached_property
    def table(self) -> SessionTable:
        """The table; reading it asks the database."""
        return self.get_table()

    @property
    def count(self) -> int:
        """How many sessions there are, on all pages: counted once a request, or known."""
        if COUNT_KEY not in self.request.META:
            self.request.META[COUNT_KEY] = self.get_queryset().count()
        count: int = self.request.META[COUNT_KEY]
        return count

    @property
    def others(self) -> int:
        """How many there are, without the current one."""
        return self.count - 1 if self.current_key else self.count

    @cached_property
    def current(self) -> AbstractSession | None:
        """The current session, asked for by itself."""
        return self.get_queryset().filter(pk=self.current_key).first()

    @property
    def latest(self) -> SessionQuerySet:
        """The current session, then the others by their last activity: to cut, then to read."""
        return self.get_queryset().order_by(*self._current_first, "-last_activity", "pk")

    def is_new(self, session: AbstractSession) -> bool:
        """Whether a session is marked as a new device."""
        is_new = session.new_until is not None and session.new_until > self.now
        return is_new and session.pk != self.current_key

    def mark_seen(self) -> None:
        """Have new devices on the page lose their mark in ten minutes.

        A look at the page by someone who acts for the person is none.
        """
        rows, until = self.table.page.object_list, self.now + SEEN
        seen = [row for row in rows if self.is_new(row) and row.new_until > until]
        if not seen or any(row.impersonator for row in rows if row.pk == self.current_key):
            return
        changes = {"new_until": until, "updated_at": self.now}
        found = self.every_session.filter(public_id__in=[row.public_id for row in seen])
        found.filter(new_until__gt=until).update(**changes)
        for row in seen:
            vars(row).update(changes)

    @cached_property
    def history(self) -> History | None:
        """A page of the sessions that have ended lately; None where no history is kept."""
        return History(self) if backend_conf.history_days else None

    @property
    def previous(self) -> str:
        """The address of the page before; ``""`` where there is none."""
        page = self.table.page
        return self.link(page.number - 1) if page.has_previous() else ""

    @property
    def next(self) -> str:
        """The address of the page after; ``""`` where there is none."""
        page = self.table.page
        return self.link(page.number + 1) if page.has_next() else ""

    @cached_property
    def open_href(self) -> str:
        """The address of this page without its last part, the row that is open."""
        href = self.link(self.table.page.number).removesuffix("#session-list")
        return f"{href}&{OPEN_FIELD}=" if "?" in href else f"{href}?{OPEN_FIELD}="

    def link(self, page: int = 1, sort: str | None = None) -> str:
        """Return the address of another page, or of the first one in another order."""
        sort = self.table.sort if sort is None else sort
        chosen = {
            self.table.prefixed_order_by_field: sort,
            self.table.prefixed_page_field: str(page) if page > 1 else "",
        }
        path, kept = self._page_address
        query = "&".join(filter(None, [kept, urlencode({k: v for k, v in chosen.items() if v})]))
        # With its path, so that a <base> of the page changes nothing.
        return f"{path}?{query}#session-list" if query else f"{path}#session-list"

    @cached_property
    def _page_address(self) -> tuple[str, str]:
        return self.address_without(*(f"{PREFIX}{name}" for name in ("page", "sort", "open")))

    def address_without(self, *names: str) -> tuple[str, str]:
        """Return the path of the page, and its query without these parameters."""
        url = urlsplit(self.page_url)
        query = QueryDict(url.query, mutable=True)
        for name in (*names, VERSION_FIELD):
            query.pop(name, None)
        return url._replace(query="", fragment="").geturl(), query.urlencode()

    @property
    def csrf_token(self) -> str:
        """The token of the form."""
        return get_token(self.request)

    @property
    def icons(self) -> list[str]:
        """The types of devices, each with its icon."""
        return DeviceType.values

    @property
    def classes(self) -> Mapping[str, str]:
        """The CSS classes of the chosen pack."""
        return conf.classes

    @property
    def poll_interval(self) -> int:
        """Seconds between polls."""
        return conf.poll_interval

    @property
    def password_change_url(self) -> str:
        """The address where the visitor changes the password, or ``""``."""
        return conf.password_change_url

    @property
    def may_ask_password(self) -> bool:
        """Whether a question of this visitor may have to ask for the password."""
        return conf.reauthenticate_after is not None and asks_for_password(self.request)

    @property
    def password_form(self) -> PasswordForm | None:
        """What the questions ask for; None while nothing."""
        return PasswordForm(self.request) if is_required(self.request) else None

    @cached_property
    def html(self) -> SafeString:
        """The rendered list: the same in a page and in an answer to a poll."""
        context = {"listing": self, "table": self.table, "classes": self.classes}
        return render_to_string("session_ui/list.html", context, self.request)

    @cached_property
    def version(self) -> Version:
        """What the page keeps, to be told whether the list has changed."""
        rows = self.table.page.object_list
        others = [row for row in rows if row.pk != self.current_key]
        shown = self._fingerprint(self.count, self.html)
        # One page of many says too little, and a column of the site may show anything.
        is_foreseen = self.count == len(rows) and all(
            template for _, template, _ in self.table.layout
        )
        if not is_foreseen:
            return Version(shown, "", 0)
        newest = [max((getattr(row, name) for row in others), default=None) for name in NEWEST]
        midnight = text.seconds_until_midnight(self.now)
        changes = [text.seconds_until_change(row.last_activity, self.now) for row in others]
        marks = [row.new_until - self.now for row in others if self.is_new(row)]
        changes += [mark.total_seconds() for mark in marks]
        ends = [row.idle_expires_at for row in rows if str(row.public_id) == self.open]
        changes += [text.seconds_until_idle_end_changes(end, self.now) for end in ends if end]
        until = int(self.now.timestamp() + min([LONGEST, midnight, *changes]))
        return Version(
            shown, self._fingerprint(self.table.sort, self.open, len(others), *newest), until
        )

    def holds(self, version: Version) -> bool:
        """Tell, without the rows, whether a version is that of this list."""
        if self.now.timestamp() >= version.until:
            return False
        told = None
        # The prepared statement knows no filters of a site.
        if self.current_key and type(self).get_queryset is SessionList.get_queryset:
            told = sql.newest(
                stored_sessions(), self.request.user, self.current_key, self.now, NEWEST
            )
        if told is None:
            others = self.get_queryset().others(self.current_key)
            told = tuple(others.aggregate(Count("pk"), *map(Max, NEWEST)).values())
        sort = self.params.get(f"{PREFIX}sort", "")
        return version.state == self._fingerprint(sort, self.open, *told)

    def _fingerprint(self, *parts: object) -> str:
        # A sign-in in another tab is a change too: the form needs the new CSRF token then.
        if not self.request.META.get("CSRF_COOKIE"):
            get_token(self.request)
        token, zone = self.request.META["CSRF_COOKIE"], timezone.get_current_timezone_name()
        value = "\x1f".join(map(str, (token, get_language(), zone, *parts)))
        return salted_hmac("session_ui.version", value, algorithm="sha256").hexdigest()[:32]
