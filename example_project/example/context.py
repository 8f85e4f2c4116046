"""Context processors: variables for every template."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from example import looks

__all__ = ["htmx", "look"]


def htmx(request: HttpRequest) -> dict[str, int]:
    """Return the major version of htmx that ``base.html`` loads."""
    return {"htmx_version": settings.HTMX_VERSION}


def look(request: HttpRequest) -> dict[str, Any]:
    """Return the look of the page, and the looks to choose from."""
    return {"look": looks.current(), "looks": looks.available()}
