"""The rows of one page of the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django_tables2.columns import BoundColumn
from django_tables2.rows import BoundRow, BoundRows

if TYPE_CHECKING:
    from session_backend.models import AbstractSession
    from session_ui.tables import SessionTable

__all__ = ["Cell", "SessionRow", "SessionRows"]


class Cell(NamedTuple):
    """One cell: by a template of ours, or as django-tables2 has rendered it."""

    column: BoundColumn
    attributes: SafeString
    template: tuple[str, ...] | None
    """The names to try, or None for a column of the site's own."""
    value: Any
    """What the site's own column shows."""


class SessionRow(BoundRow):  # type: ignore[misc]
    """A row of django-tables2 that knows whose browser asks."""

    takes_focus = False
    """Whether the row's button gets the focus, because the one that had it is gone."""

    def __init__(self, record: AbstractSession, table: SessionTable) -> None:
        super().__init__(record, table)
        self.session = record
        self.is_current = record.pk == table.listing.current_key

    @property
    def since(self) -> int:
        """When the sign-in was, in seconds since the epoch, for the script to find new rows by."""
        return int(self.session.created_at.timestamp())

    @property
    def parts(self) -> Iterator[Cell]:
        """The cells of the visible columns."""
        for column, template, attributes in self.table.layout:
            value = None
            if not template:
                value = self.get_cell(column.name)
                # As in django-tables2: attributes may depend on the row.
                column.current_value, column.current_record = value, self.record
                attributes = self.table.td_attributes(column)
            yield Cell(column, attributes, template, value)


class SessionRows(BoundRows):  # type: ignore[misc]
    """The rows of a page."""

    def __iter__(self) -> Iterator[SessionRow]:
        return iter(self._rows)

    @cached_property
    def _rows(self) -> list[SessionRow]:
        rows = [SessionRow(record, self.table) for record in self.data]
        place = self.table.listing.focus
        if place is not None:
            # The row that moved up into that place, or the last one with a button.
            buttons = [row for row in rows if not row.is_current]
            below = [row for row in rows[place:] if not row.is_current]
            for row in below[:1] or buttons[-1:]:
                row.takes_focus = True
        return rows
