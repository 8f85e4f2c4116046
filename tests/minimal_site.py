"""The least site that uses both apps, in one file: signs a user in and reads their list.

`test_packaging.py` copies it out of the checkout and runs it there. Its arguments are the static
files that must be found; it prints the folder that `session_ui` was imported from.
"""

from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings
from django.urls import URLResolver, include, path, reverse

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)

urlpatterns: list[URLResolver] = []


def configure() -> None:
    settings.configure(
        SECRET_KEY="only-for-this-test",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        STATIC_URL="static/",
        LOGIN_URL="/accounts/login/",
        SESSION_ENGINE="session_backend.backends.cached_db",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.staticfiles",
            "django_htmx",
            "django_tables2",
            "session_backend",
            "session_ui",
        ],
        MIDDLEWARE=[
            "session_backend.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django_htmx.middleware.HtmxMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": ["django.template.context_processors.request"],
                },
            },
        ],
    )
    django.setup()
    urlpatterns.append(path("account/sessions/", include("session_ui.urls")))


def main() -> None:
    configure()
    from django.contrib.auth import get_user_model
    from django.contrib.staticfiles import finders
    from django.core.management import call_command
    from django.test import Client

    import session_backend
    import session_ui

    call_command("migrate", verbosity=0)
    call_command("check", fail_level="ERROR", stdout=sys.stderr)

    client = Client(headers={"user-agent": CHROME})
    client.force_login(get_user_model().objects.create_user("ada"))
    # Signing in by force records no client: the first request does, and the second shows it.
    client.get(reverse("session_ui:session_list"))
    page = client.get(reverse("session_ui:session_list")).content.decode()
    assert 'id="session-list"' in page, page
    assert "Chrome on Windows" in page, page

    for static in sys.argv[1:]:
        assert finders.find(static), static
    for app in (session_backend, session_ui):
        assert app.__file__ is not None
        assert Path(app.__file__).with_name("py.typed").exists(), app
    print(Path(session_ui.__file__ or "").parent)


if __name__ == "__main__":
    main()
