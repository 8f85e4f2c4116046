"""A project that follows the page, whose code is in the package ``mysite``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import django
from django.conf import Settings, settings
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, include, path
from django.utils.module_loading import import_string

__all__ = ["LIST", "devices", "mysite", "revoke_other", "set_up"]

LIST = "/account/sessions/"
# They have no migrations, and go only with apps that have none either.
OWN_MODELS = "tests.custom_sessions"

urlpatterns: list[URLPattern | URLResolver] = []


def mysite(module: str) -> ModuleType:
    """Import a module that the page has written."""
    return import_module(f"mysite.{module}")


def set_up(
    *apps: str,
    middleware: tuple[str, ...] = (),
    urls: Mapping[str, str] = {"accounts/": "django.contrib.auth.urls.urlpatterns"},
    **extra: Any,
) -> None:
    """Configure the test site with the settings and URLs of the page, and migrate.

    ``urls`` names the URL patterns to include, each with its prefix.
    """
    own = vars(mysite("settings")) if find_spec("mysite.settings") else {}
    extra |= {name: value for name, value in own.items() if name.isupper()}
    site: Any = Settings("tests.settings")
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}
    files = "django.core.cache.backends.filebased.FileBasedCache"
    *first, last = site.MIDDLEWARE
    settings.configure(
        site,
        ROOT_URLCONF="mysite.urls" if find_spec("mysite.urls") else __name__,
        DATABASES={"default": database},
        CACHES={"default": {"BACKEND": files, "LOCATION": Path("cache").resolve()}},
        # Those packages' migrations are made for what Django's migrations make.
        MIGRATION_MODULES={},
        INSTALLED_APPS=[*apps, *(app for app in site.INSTALLED_APPS if app != OWN_MODELS)],
        MIDDLEWARE=[*first, *middleware, last],
        **extra,
    )
    django.setup()
    urlpatterns.append(path("account/sessions/", include("session_ui.urls")))
    for prefix, name in urls.items():
        urlpatterns.append(path(prefix, include(import_string(name))))
    call_command("migrate", verbosity=0)
    call_command("check", fail_level="WARNING")


def devices(browser: Any) -> list[str]:
    """Return the devices in a browser's list; none if it is redirected."""
    return re.findall(r'class="sui-device-name">(.*?)<', browser.get(LIST).content.decode())


def revoke_other(browser: Any) -> None:
    """Press the first button of another device."""
    html = browser.get(LIST).content.decode()
    public_id = re.findall(r'name="session" value="([0-9a-f-]{36})"', html)[0]
    answer = browser.post("/account/sessions/revoke/", {"session": public_id})
    assert answer.status_code == 303
