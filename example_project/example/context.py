"""What every template of the site may read."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from example import looks

__all__ = ["htmx", "look"]


def htmx(request: HttpRequest) -> dict[str, int]:
    """The major version of htmx that ``base.html`` loads."""
    return {"htmx_version": settings.HTMX_VERSION}


def look(request: HttpRequest) -> dict[str, Any]:
    """The look of the page, and those to choose from."""
    return {"look": looks.current(), "looks": looks.available()}
