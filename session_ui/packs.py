"""Which file a small template comes from."""

from __future__ import annotations

from session_ui.conf import conf

__all__ = ["template_names"]


def template_names(name: str) -> tuple[str, ...]:
    """Return the names to try for a template of the kit, the chosen pack's own first.

    A pack is a folder ``session_ui/<pack>/`` with those templates that differ from the plain ones.
    """
    plain = f"session_ui/{name}"
    return (plain,) if conf.pack == "plain" else (f"session_ui/{conf.pack}/{name}", plain)
