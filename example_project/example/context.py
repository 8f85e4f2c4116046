"""What every template of the site may read."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

__all__ = ["htmx"]


def htmx(request: HttpRequest) -> dict[str, int]:
    """The major version of htmx that ``base.html`` loads."""
    return {"htmx_version": settings.HTMX_VERSION}
