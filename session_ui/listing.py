"""The sessions of the person who asks, as one page of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from django.db import router
from django.db.models import Case, Count, Max, SmallIntegerField, When
from django.http import HttpRequest, QueryDict
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from session_backend.conf import conf as backend_conf
from session_backend.fields import Digest
from session_ui.conf import conf
from session_ui.paging import LeanPaginator
from session_ui.rows import SessionRow, SessionRows
from session_ui.times import ago, lasts
from session_ui.version import Version, fingerprint

if TYPE_CHECKING:
    from session_backend.models import AbstractSession
    from session_backend.querysets import SessionQuerySet
    from session_ui.tables import SessionTable

__all__ = ["Link", "PageLink", "SessionList"]

PREFIX = "session-"
VERSION_FIELD = "ver"
# Where a request keeps the number of sessions, for all the badges of a page.
COUNT_KEY = "session_ui.count"
# Seconds after which a poll looks at everything, whatever the state: an administrator may have
# changed a row.
LONGEST = 300


class Link(NamedTuple):
    """An address of the list, twice."""

    href: str
    """Relative to the page that holds the list; works without JavaScript."""
    url: str
    """Of the list alone, for htmx."""


class PageLink(NamedTuple):
    """One of the pages to turn to, or the gap between two of them."""

    label: str
    link: Link | None
    """None for the page that is shown, and for a gap."""
    is_current: bool


class SessionList:
    """What the list shows to one request: the rows of a page, their order and their version.

    ``params`` holds what the visitor chose, ``session-page`` and ``session-sort``: the request's
    GET, where nothing is given. ``page_url`` is the address, without a host, of the page that
    holds the list. ``focus`` is the place of a row that was removed: what is there now gets the
    focus.
    """

    def __init__(
        self,
        request: HttpRequest,
        params: QueryDict | None = None,
        page_url: str | None = None,
        focus: int | None = None,
    ) -> None:
        self.request = request
        self.params = request.GET if params is None else params
        self.page_url = page_url or request.get_full_path()
        self.focus = focus
        self.url = reverse("session_ui:session_list")

    @cached_property
    def current_key(self) -> Digest | None:
        """The public id of the visitor's own session."""
        key = self.request.session.session_key
        return Digest.of(key) if key else None

    def get_queryset(self) -> SessionQuerySet:
        """Return the sessions to show, in any order."""
        model: Any = backend_conf.session_store.get_model_class()
        # A replica may still show what has just been signed out.
        sessions: SessionQuerySet = model.objects.using(router.db_for_write(model))
        return sessions.for_user(self.request.user).active().defer("session_data")

    def get_table(self) -> SessionTable:
        """Return the table, ordered and cut to its page."""
        table = conf.table_class(data=self.get_queryset(), prefix=PREFIX)
        table.listing = self
        # One column: a thousand of them in an address are an error of the database's.
        sort = self.params.get(table.prefixed_order_by_field, "").split(",")[0]
        name = sort.removeprefix("-")
        if name in table.columns and table.columns[name].orderable:
            table.order_by = table.sort = sort
        table.paginator = LeanPaginator(self.in_order(table), conf.page_size)
        table.page = table.paginator.page(self.params.get(table.prefixed_page_field, "1"))
        table.page.object_list = SessionRows(table.page.object_list, table)
        return table

    def in_order(self, table: SessionTable) -> SessionQuerySet:
        """Return the rows in the table's order; in its own, the visitor's session is first."""
        queryset: SessionQuerySet = table.data.data
        first = [] if table.sort else self.own_first
        return queryset.order_by(*first, *queryset.query.order_by, "pk")

    @property
    def own_first(self) -> list[Case]:
        """The order that puts the visitor's session before all others."""
        if not self.current_key:
            return []
        own = When(pk=self.current_key, then=0)
        return [Case(own, default=1, output_field=SmallIntegerField())]

    @cached_property
    def table(self) -> SessionTable:
        """The table; reading it asks the database."""
        return self.get_table()

    @property
    def number(self) -> int:
        """The number of the page."""
        number: int = self.table.page.number
        return number

    @cached_property
    def count(self) -> int:
        """How many sessions there are, on all pages."""
        count: int = self.table.paginator.count
        self.request.META[COUNT_KEY] = count
        return count

    @property
    def quick_count(self) -> int:
        """The same without the rows: counted once a request, or known from a list on the page."""
        if COUNT_KEY not in self.request.META:
            self.request.META[COUNT_KEY] = self.get_queryset().count()
        count: int = self.request.META[COUNT_KEY]
        return count

    @property
    def others(self) -> int:
        """How many there are beside the visitor's own."""
        return self.count - 1 if self.current_key else self.count

    @property
    def quick_others(self) -> int:
        """How many there are beside the visitor's own, without the rows."""
        return self.quick_count - 1 if self.current_key else self.quick_count

    @cached_property
    def current(self) -> AbstractSession | None:
        """The visitor's own session, asked for by itself."""
        return self.get_queryset().filter(pk=self.current_key).first()

    @property
    def latest(self) -> SessionQuerySet:
        """The visitor's session, then the others by their last activity: to cut, then to read."""
        return self.get_queryset().order_by(*self.own_first, "-last_activity", "pk")

    @property
    def pages(self) -> list[PageLink]:
        """The pages to turn to."""
        paginator, current = self.table.paginator, self.number
        return [
            PageLink(
                label=str(page),
                link=self.link(page=page) if isinstance(page, int) and page != current else None,
                is_current=page == current,
            )
            for page in paginator.get_elided_page_range(current, on_each_side=1, on_ends=1)
        ]

    def link(self, page: int = 1, sort: str | None = None) -> Link:
        """Return the addresses of another page, or of the first one in another order."""
        page_field = self.table.prefixed_page_field
        sort_field = self.table.prefixed_order_by_field
        chosen = {
            sort_field: self.table.sort if sort is None else sort,
            page_field: str(page) if page > 1 else "",
        }
        params = {name: value for name, value in chosen.items() if value}
        query = self._page_query.copy()
        for name in (page_field, sort_field, VERSION_FIELD):
            query.pop(name, None)
        query.update(params)
        return Link(f"?{query.urlencode()}", f"{self.url}?{urlencode(params)}")

    @cached_property
    def _page_query(self) -> QueryDict:
        return QueryDict(urlsplit(self.page_url).query)

    @cached_property
    def fields(self) -> SafeString:
        """The hidden inputs of every form: the CSRF token, and where to go on afterwards."""
        # Once a list, and not by tags in each row's form: they were a third of the rendering.
        place = {
            self.table.prefixed_page_field: self.number,
            self.table.prefixed_order_by_field: self.table.sort,
        }
        return self.plain_fields + hidden_inputs(place)

    @cached_property
    def plain_fields(self) -> SafeString:
        """Those of a form on a page without the list."""
        token = get_token(self.request)
        return hidden_inputs({"csrfmiddlewaretoken": token, "next": self.page_url})

    @property
    def is_unchanged(self) -> bool:
        """Whether the request says that it shows this version already."""
        known = Version.parse(self.params.get(VERSION_FIELD, ""))
        if timezone.now().timestamp() < known.until and known.state == self._state_now:
            return True
        return known.shown == self.version.shown

    @cached_property
    def version(self) -> Version:
        """What the page keeps, to be told whether the list has changed.

        A sign-in in another tab changes it too: the forms need the new CSRF token then.
        """
        table, now = self.table, timezone.now()
        rows: list[SessionRow] = list(table.page.object_list)
        shown: list[object] = [self.count, self.number, table.sort, *table.columns.names()]
        for row in rows:
            session = row.session
            shown += [session.pk, session.device_type, session.device(), session.location()]
            shown += [session.ip, "" if row.is_current else ago(session.last_activity, now)]
            shown += [cell.value for cell in row.parts if not cell.template]
        others = [row.session for row in rows if not row.is_current]
        state = self._fingerprint(
            len(others),
            max((session.last_activity for session in others), default=None),
            max((session.created_at for session in others), default=None),
        )
        # A page of several says too little, and a column of the site's may show anything.
        is_foreseen = self.count == len(rows) and all(template for _, template, _ in table.layout)
        lasting = [lasts(session.last_activity, now) for session in others]
        until = now.timestamp() + min([LONGEST, *lasting]) if is_foreseen else 0
        return Version(self._fingerprint(*shown), state, int(until))

    @property
    def _state_now(self) -> str:
        """The state of the other sessions: how many, the latest activity, the latest sign-in."""
        others = self.get_queryset().others(self.current_key)
        told = others.aggregate(Count("pk"), Max("last_activity"), Max("created_at"))
        return self._fingerprint(*told.values())

    def _fingerprint(self, *parts: object) -> str:
        if not self.request.META.get("CSRF_COOKIE"):
            get_token(self.request)
        token = self.request.META["CSRF_COOKIE"]
        return fingerprint(token, self.current_key, get_language(), *parts)


def hidden_inputs(values: dict[str, Any]) -> SafeString:
    """Return a hidden input for each name and its value."""
    return format_html_join("", '<input type="hidden" name="{}" value="{}">', values.items())
