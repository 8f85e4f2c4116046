"""The app that fills the site with sample data."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["DemoConfig"]


class DemoConfig(AppConfig):
    """Has the ``demo`` command. A real site does not need this app."""

    name = "demo"
