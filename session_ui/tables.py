"""The table of sessions: its columns, their order and their cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_tables2 import Column, Table
from django_tables2.columns import BoundColumn
from django_tables2.utils import AttributeDict

from session_ui.packs import template_names

if TYPE_CHECKING:
    from session_ui.listing import Link, SessionList

__all__ = ["Heading", "SessionTable"]


class Heading(NamedTuple):
    """A column's heading."""

    column: BoundColumn
    attributes: SafeString
    link: Link | None
    """Where a click sorts the list by this column; None where it cannot."""
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
            link = self.listing.link(sort=column.order_by_alias.next) if column.orderable else None
            yield Heading(column, as_html(column, "th"), link, direction)

    @cached_property
    def layout(self) -> list[tuple[BoundColumn, tuple[str, ...] | None, SafeString]]:
        """The visible columns, the templates of their cells, and their attributes."""
        return [
            (column, self.cell_template(column), self.td_attributes(column))
            for column in self.columns
        ]

    def cell_template(self, column: BoundColumn) -> tuple[str, ...] | None:
        """Return the template of a column's cells; None when django-tables2 is to render them."""
        name = column.name
        stock = SessionTable.base_columns.get(name)
        # A table works on copies of its columns, and a copy keeps the counter.
        if stock is None or stock.creation_counter != column.column.creation_counter:
            return None
        if hasattr(self, f"render_{name}") or hasattr(self, f"value_{name}"):
            return None
        return template_names(f"cells/{name}.html")

    def td_attributes(self, column: BoundColumn) -> SafeString:
        """Return the HTML attributes of a cell: the site's, our classes and the column's name."""
        # On a narrow screen there are no headings, and the stylesheet shows the name instead.
        return as_html(column, "td", **{"data-label": str(column.header)})


def as_html(column: BoundColumn, tag: str, **more: str) -> SafeString:
    """Return the attributes that a column has for a tag as HTML, with classes of ours."""
    attributes: Any = AttributeDict(column.attrs[tag], **more)
    names = ("sui-cell", f"sui-{column.name}", attributes.get("class"))
    attributes["class"] = " ".join(filter(None, names))
    html: SafeString = attributes.as_html()
    return html
