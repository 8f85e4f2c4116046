"""A project that has followed the page: its own package, ``mysite``, holds what the page says."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, include, path

__all__ = ["LAPTOP", "LIST", "PASSWORD", "PHONE", "devices", "mysite", "revoke_other", "set_up"]

LAPTOP = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
PASSWORD = "correct horse battery staple"
LIST = "/account/sessions/"

urlpatterns: list[URLPattern | URLResolver] = []


def mysite(module: str) -> ModuleType:
    """Import a module that the page has written."""
    return import_module(f"mysite.{module}")


def set_up(*apps: str, middleware: tuple[str, ...] = (), **extra: Any) -> None:
    """Configure the project, with the page's own settings and addresses, and fill its database."""
    own = vars(mysite("settings")) if find_spec("mysite.settings") else {}
    extra |= {name: value for name, value in own.items() if name.isupper()}
    settings.configure(
        SECRET_KEY="only-for-this-test",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="mysite.urls" if find_spec("mysite.urls") else __name__,
        USE_TZ=True,
        STATIC_URL="static/",
        LOGIN_REDIRECT_URL="session_ui:session_list",
        SESSION_ENGINE="session_backend.backends.cached_db",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": Path("cache").resolve(),
            }
        },
        INSTALLED_APPS=[
            *apps,
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "session_backend",
            "session_ui",
            "django_tables2",
            "django_htmx",
        ],
        MIDDLEWARE=[
            "session_backend.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            *middleware,
            "django_htmx.middleware.HtmxMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        **extra,
    )
    django.setup()
    urlpatterns.append(path("account/sessions/", include("session_ui.urls")))
    call_command("migrate", verbosity=0)
    call_command("check", fail_level="WARNING")


def devices(browser: Any) -> list[str]:
    """Return the names in a browser's list; none where the list sends it away."""
    return re.findall(r'class="sui-device-name">(.*?)<', browser.get(LIST).content.decode())


def revoke_other(browser: Any) -> None:
    """Press the first button of another device."""
    html = browser.get(LIST).content.decode()
    action = re.findall(r'action="(/account/sessions/\w{40}/revoke/)"', html)[0]
    assert browser.post(action).status_code == 303
