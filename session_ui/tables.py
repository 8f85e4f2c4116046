"""The table of sessions: its columns, their order, and the rows of a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from django.template import Template
from django.template.loader import get_template
from django.utils.functional import cached_property
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_tables2 import Column, Table
from django_tables2.columns import BoundColumn
from django_tables2.rows import BoundRow
from django_tables2.utils import AttributeDict

from session_backend.conf import conf as backend_conf
from session_ui import text

if TYPE_CHECKING:
    from session_backend.models import AbstractSession
    from session_ui.sessions import SessionList

__all__ = ["Heading", "SessionRow", "SessionTable"]


class Heading(NamedTuple):
    """A column's heading."""

    column: BoundColumn
    attributes: SafeString
    href: str
    """The address of the list sorted by this column; ``""`` where it cannot be."""
    direction: str
    """The value of ``aria-sort``: ``"ascending"``, ``"descending"`` or ``""``."""


class SessionTable(Table):  # type: ignore[misc]
    """A django-tables2 table of sessions, to be used as it is or to inherit from.

    The setting ``SESSION_UI_TABLE`` names the class. Columns are added, redefined, given a
    ``render_<name>`` or left out (``Meta.exclude``) as in any table. Those that stay as they are
    here come from the templates ``session_ui/cells/<name>.html``.
    """

    device = Column(_("Device"), order_by=("browser", "os", "device_model"))
    location = Column(_("Location"), order_by=("country", "city"))
    created_at = Column(_("Signed in"), initial_sort_descending=True)
    last_activity = Column(_("Last active"), initial_sort_descending=True)
    action = Column(_("Action"), orderable=False, empty_values=(), exclude_from_export=True)

    listing: SessionList
    """The list that this table shows, set before anything is rendered."""
    sort = ""
    """The column that the visitor chose to sort by, ``-`` before it for descending, or nothing."""

    class Meta:
        order_by: str | tuple[str, ...] = "-last_activity"
        template_name = "session_ui/table.html"

    @property
    def headings(self) -> Iterator[Heading]:
        """The headings of the visible columns."""
        for column in self.columns:
            direction = ""
            if column.is_ordered:
                descending = column.order_by_alias.is_descending
                direction = "descending" if descending else "ascending"
            href = self.listing.link(sort=column.order_by_alias.next) if column.orderable else ""
            yield Heading(column, attributes_of(column, "th"), href, direction)

    @cached_property
    def layout(self) -> list[tuple[BoundColumn, Template | None, SafeString]]:
        """The visible columns, the templates of their cells, and their attributes.

        The template is None where django-tables2 renders the cell.
        """
        return [
            (column, self.cell_template(column), attributes_of(column, "td"))
            for column in self.columns
        ]

    def cell_template(self, column: BoundColumn) -> Template | None:
        """Return the template of a column's cells; None when django-tables2 renders them."""
        name = column.name
        stock = SessionTable.base_columns.get(name)
        # A table works on copies of its columns, and a copy keeps the counter.
        is_stock = stock and stock.creation_counter == column.column.creation_counter
        is_rendered = hasattr(self, f"render_{name}") or hasattr(self, f"value_{name}")
        if not is_stock or is_rendered:
            return None
        template: Any = get_template(f"session_ui/cells/{name}.html")
        found: Template = template.template
        return found

    @cached_property
    def label(self) -> str:
        """The label of the button of a row."""
        return gettext("Sign out %(device)s")

    @cached_property
    def sessions(self) -> list[SessionRow]:
        """The rows of the page; those that would read the same are one, until it is opened."""
        groups: dict[Any, list[SessionRow]] = {}
        for record in self.page.object_list:
            row = SessionRow(record, self)
            groups.setdefault(row.is_current or (row.name, row.device, row.place), []).append(row)
        shown = []
        for rows in groups.values():
            if len(rows) == 1:
                shown += rows
                continue
            group = SessionRow(rows[0].session, self, rows)
            shown += [group, *rows] if group.is_open else [group]
        return shown


class SessionRow(BoundRow):  # type: ignore[misc]
    """A session in words, or several that would read the same."""

    group: SessionRow | None = None
    """The row that stands for this session, and others like it."""

    def __init__(
        self, record: AbstractSession, table: SessionTable, members: list[SessionRow] | None = None
    ) -> None:
        super().__init__(record, table)
        self.listing = table.listing
        self.session = record
        """The session; of several, the first."""
        self.id = str(record.public_id)
        """What is unique to the row, for the ids of its elements."""
        self.public_ids = [self.id]
        """The public ids of its sessions."""
        self.is_group = bool(members)
        """Whether it stands for several sessions."""
        self.is_current = record.pk == table.listing.current_key
        """Whether it is the current session."""
        if members:
            self.public_ids = [row.id for row in members]
            self.id = f"group-{self.id}"
            for row in members:
                row.group = self
        self.is_new: bool = self.listing.is_new(record) or any(row.is_new for row in members or ())
        """Whether a device has signed in that the user has not seen here before."""
        self.name = text.name(record)
        """What it is called by the user; or nothing."""
        self.device = record.device()
        """The device in words."""
        self.place = text.place(record)
        """Where it is, in words."""
        self.ago = text.ago(record.last_activity, self.listing.now)
        """How long ago it was active, in words."""

    @property
    def is_open(self) -> bool:
        """Whether the row shows its details, or its sessions."""
        if self.is_group:
            return self.listing.open.removeprefix("group-") in self.public_ids
        return self.id == self.listing.open

    @property
    def attributes(self) -> SafeString:
        """The attributes of the row: its classes, its role, and when the sign-in was."""
        # In seconds since the epoch: the script finds a new row by it.
        since = int(self.session.created_at.timestamp())
        kind = ""
        if self.is_current:
            kind = ' sui-row-current" aria-current="true'
        elif self.group:
            kind = " sui-row-member"
        return SafeString(f'class="sui-row{kind}" data-since="{since}" role="row"')

    @property
    def toggle(self) -> SafeString:
        """The attributes of the link that opens the row, or closes it."""
        opens = self.id
        if self.is_open:
            opens = self.group.id if self.group else ""
        href = f"{self.listing.open_href}{opens}#session-open-{self.id}"
        state = "true" if self.is_open else "false"
        return SafeString(
            f'href="{escape(href)}" id="session-open-{self.id}" aria-expanded="{state}"'
        )

    @property
    def button(self) -> SafeString:
        """The attributes of the button that signs out: its form, value, id, label and question."""
        count, about = len(self.public_ids), self.ago
        if self.is_group:
            about = ngettext("%(count)s session", "%(count)s sessions", count) % {"count": count}
        device = text.full_name(self.name, self.device, self.place, about)
        label = self.table.label % {"device": device}
        question = text.sign_out_question(text.full_name(self.name, self.device), count)
        return SafeString(
            f'form="session-form" name="session" value="{",".join(self.public_ids)}"'
            f' id="session-revoke-{self.id}" aria-label="{escape(label)}"'
            f' data-question="{escape(question)}"'
        )

    @property
    def signed_in(self) -> SafeString:
        """The day of the sign-in, as an element."""
        moment = self.session.created_at
        return as_time(moment, text.day(moment, self.listing.now))

    @property
    def active(self) -> SafeString:
        """How long ago it was active, as an element."""
        return as_time(self.session.last_activity, self.ago)

    @property
    def idle_end(self) -> str:
        """When the session ends unless it is used, in words; ``""`` if not by itself."""
        moment = self.session.idle_expires_at
        return "" if moment is None else text.idle_end(moment, self.listing.now)

    @property
    def latest_end(self) -> str:
        """When the session ends however much it is used, in words; ``""`` where nothing says so."""
        if backend_conf.absolute_timeout is None:
            return ""
        moment = text.exact(self.session.expire_date, self.listing.now)
        return gettext("%(moment)s at the latest") % {"moment": moment}

    def custom_cell(self, column: BoundColumn) -> tuple[SafeString, SafeString]:
        """Return the content and the attributes of a cell that django-tables2 renders."""
        value = self.get_cell(column.name)
        # As in django-tables2: attributes may depend on the row.
        column.current_value, column.current_record = value, self.record
        # On a narrow screen there are no headings, and the stylesheet shows the label instead.
        attributes = attributes_of(column, "td", **{"data-label": str(column.header)})
        return conditional_escape(value), attributes


def as_time(moment: datetime, words: str) -> SafeString:
    """Return a moment in words as an element."""
    # Not by a template: with two in each row that was a fifth of the time of a list.
    exact = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    return SafeString(f'<time datetime="{exact}">{escape(words)}</time>')


def attributes_of(column: BoundColumn, tag: str, **more: str) -> SafeString:
    """Return the attributes that a column has for a tag as HTML, with our classes."""
    attributes: Any = AttributeDict(column.attrs[tag], **more)
    names = ("sui-cell", f"sui-{column.name}", attributes.get("class"))
    attributes["class"] = " ".join(filter(None, names))
    html: SafeString = attributes.as_html()
    return html
