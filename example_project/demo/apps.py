"""The app that fills the site with people, devices and places."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["DemoConfig"]


class DemoConfig(AppConfig):
    """Holds the ``demo`` command; a real site has nothing of it."""

    name = "demo"
