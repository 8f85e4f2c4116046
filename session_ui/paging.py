"""Pages of a queryset for as few statements as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

__all__ = ["LeanPaginator"]

# No database takes an offset of any size, and nobody turns a million pages.
LAST_PAGE = 1_000_000


class LeanPaginator(AnyPaginator):
    """Reads one row more than a page holds, and counts only when that leaves a doubt.

    So a list that fits on one page, which nearly all do, is one statement.
    """

    def page(self, number: int | str) -> Page[Any]:
        """Return that page: the first for nonsense, the last for a number past it."""
        number = as_number(number)
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


def as_number(text: int | str) -> int:
    """Return the page number that a visitor's text means."""
    try:
        return max(1, min(int(text), LAST_PAGE))
    except ValueError:
        return 1
