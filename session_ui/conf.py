"""The settings of the kit, read when they are first needed and never at import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.functional import cached_property
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from session_ui.tables import SessionTable

__all__ = ["conf"]


class Conf:
    """One typed property a setting; what a wrong value does is said by the system checks."""

    @cached_property
    def poll_interval(self) -> int:
        """Seconds between two looks for changes by an open page; 0 for none."""
        return int(self._get("POLL_INTERVAL", 15))

    @cached_property
    def pack(self) -> str:
        """The folder of templates, under ``session_ui/``, that are asked for before ours."""
        return str(self._get("PACK", "plain"))

    @cached_property
    def table_path(self) -> str:
        """The dotted path of the table class."""
        return str(self._get("TABLE", "session_ui.tables.SessionTable"))

    @cached_property
    def table_class(self) -> type[SessionTable]:
        """The table class itself."""
        table: type[SessionTable] = import_string(self.table_path)
        return table

    @cached_property
    def page_size(self) -> int:
        """Rows a page."""
        return int(self._get("PAGE_SIZE", 25))

    def forget(self, **kwargs: Any) -> None:
        """Read every setting again when it is needed next: a test has changed one."""
        vars(self).clear()

    def _get(self, name: str, default: Any) -> Any:
        return getattr(settings, f"SESSION_UI_{name}", default)


conf = Conf()
# A request asks a dozen times, and Django makes an exception of each setting that is not there.
setting_changed.connect(conf.forget)
