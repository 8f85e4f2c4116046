"""The settings of the kit, read when they are first needed and never at import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

from session_backend.conf import Settings

if TYPE_CHECKING:
    from session_ui.tables import SessionTable

__all__ = ["conf"]


class Conf(Settings):
    """One typed property a setting; what a wrong value does is said by the system checks."""

    @property
    def poll_interval(self) -> int:
        """Seconds between two looks for changes by an open page; 0 for none."""
        return int(self._get("POLL_INTERVAL", 15))

    @property
    def pack(self) -> str:
        """The folder of templates, under ``session_ui/``, that are asked for before ours."""
        return str(self._get("PACK", "plain"))

    @property
    def table_path(self) -> str:
        """The dotted path of the table class."""
        return str(self._get("TABLE", "session_ui.tables.SessionTable"))

    @property
    def table_class(self) -> type[SessionTable]:
        """The table class itself."""
        table: type[SessionTable] = import_string(self.table_path)
        return table

    @property
    def page_size(self) -> int:
        """Rows a page."""
        return int(self._get("PAGE_SIZE", 25))


conf = Conf("SESSION_UI_")
