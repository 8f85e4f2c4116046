"""System checks: what is wrong with a site's settings, before a page says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.template import TemplateDoesNotExist
from django.template.loader import select_template
from django.utils.module_loading import import_string

from session_ui.conf import conf

__all__ = ["check_environment", "check_settings", "check_table"]

DEPENDENCIES = ("session_backend", "django_tables2", "django_htmx")
HTMX_MIDDLEWARE = "django_htmx.middleware.HtmxMiddleware"
REQUEST_PROCESSOR = "django.template.context_processors.request"
TEMPLATES = Path(__file__).parent / "templates" / "session_ui"


@register()
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the values of the kit's own settings."""
    found: list[CheckMessage] = []
    interval = getattr(settings, "SESSION_UI_POLL_INTERVAL", 15)
    if not is_whole(interval) or interval < 0:
        found.append(
            Error(
                "SESSION_UI_POLL_INTERVAL must be a whole number of seconds.",
                hint="Give 0 to turn polling off.",
                id="session_ui.E001",
            )
        )
    size = getattr(settings, "SESSION_UI_PAGE_SIZE", 25)
    if not is_whole(size) or size < 1:
        found.append(
            Error("SESSION_UI_PAGE_SIZE must be a positive whole number.", id="session_ui.E002")
        )
    if conf.pack != "plain" and not is_pack(conf.pack):
        found.append(
            Error(
                f"SESSION_UI_PACK names {conf.pack!r}, and there are no templates for it.",
                hint=f"A pack is a folder of templates, session_ui/{conf.pack}/.",
                id="session_ui.E003",
            )
        )
    return found


@register()
def check_table(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the class that ``SESSION_UI_TABLE`` names."""
    try:
        from session_ui.tables import SessionTable

        table = import_string(conf.table_path)
    except ImportError as error:
        problem = str(error)
    else:
        if isinstance(table, type) and issubclass(table, SessionTable):
            return []
        problem = "it is not a subclass of session_ui.tables.SessionTable"
    message = f"SESSION_UI_TABLE, {conf.table_path!r}, cannot be used: {problem}."
    return [Error(message, id="session_ui.E004")]


@register()
def check_environment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the apps, the middleware and the context processor that the kit needs."""
    found: list[CheckMessage] = [
        Error(f"session_ui needs {name!r} in INSTALLED_APPS.", id="session_ui.E005")
        for name in DEPENDENCIES
        if not apps.is_installed(name)
    ]
    if not any(is_htmx_middleware(path) for path in settings.MIDDLEWARE):
        found.append(
            Error(f"session_ui needs {HTMX_MIDDLEWARE!r} in MIDDLEWARE.", id="session_ui.E006")
        )
    if not any(has_request(engine) for engine in settings.TEMPLATES):
        found.append(
            Warning(
                f"No template engine has the context processor {REQUEST_PROCESSOR!r}.",
                hint="Templates that replace ours, and django-tables2, expect the request.",
                id="session_ui.W001",
            )
        )
    return found


def is_whole(value: Any) -> bool:
    """Tell whether a value is an int, and not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_pack(name: str) -> bool:
    """Tell whether there is a template of ours in the folder of that pack."""
    pieces = (path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
    try:
        select_template([f"session_ui/{name}/{piece}" for piece in pieces])
    except TemplateDoesNotExist:
        return False
    return bool(name)


def is_htmx_middleware(path: str) -> bool:
    """Tell whether a middleware is django-htmx's, or inherits from it."""
    try:
        htmx, middleware = import_string(HTMX_MIDDLEWARE), import_string(path)
    except ImportError:
        return False
    return isinstance(middleware, type) and issubclass(middleware, htmx)


def has_request(engine: dict[str, Any]) -> bool:
    """Tell whether a template engine gives the request to every template."""
    return REQUEST_PROCESSOR in engine.get("OPTIONS", {}).get("context_processors", ())
