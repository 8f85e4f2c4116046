"""The sessions of a person that have ended lately, as one page of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import router

from session_backend.history import PastSession, oldest_kept

if TYPE_CHECKING:
    from session_ui.sessions import SessionList

__all__ = ["PAGE_FIELD", "History", "page_number"]

PAGE_FIELD = "session-history-page"
SIZE = 10
# Databases limit an offset.
LAST_PAGE = 1_000_000


class History:
    """A page of the past sessions of the visitor whose list it is: one statement, when made."""

    def __init__(self, listing: SessionList) -> None:
        self.number = page_number(listing.params.get(PAGE_FIELD, ""))
        """The number of the page."""
        # A replica may not know yet what has just been signed out.
        past = PastSession.objects.using(router.db_for_write(PastSession))
        past = past.filter(user=listing.request.user.pk, ended_at__gt=oldest_kept())
        start = (self.number - 1) * SIZE
        # One row more tells whether there is another page.
        found = list(past.order_by("-ended_at", "pk")[start : start + SIZE + 1])
        self.sessions = found[:SIZE]
        """The past sessions, the latest end first."""
        has_next = len(found) > SIZE
        path, query = listing.address_without(PAGE_FIELD)
        self._address = f"{path}?{query}&" if query else f"{path}?"
        self.previous = self._link(self.number - 1 if found else 1) if self.number > 1 else ""
        """The address of the page before; ``""`` where there is none."""
        self.next = self._link(self.number + 1) if has_next else ""
        """The address of the page after; ``""`` where there is none."""

    def _link(self, number: int) -> str:
        return f"{self._address}{PAGE_FIELD}={number}#session-history"


def page_number(text: int | str) -> int:
    """Return the number of a page as a request gives it; the first for nonsense."""
    try:
        return max(1, min(int(text), LAST_PAGE))
    except ValueError:
        return 1
