"""A site that changes its session engine: `python -m tests.switch.site FOLDER ENGINE STEP ...`.

ENGINE is one of those below, `ours`, or `ours+ENGINE`: the app of that one is still installed, and
its sessions are adopted. A step is a word, with its argument after a colon; the result of each is
printed as a line of JSON. FOLDER holds the database, the cache and the session files.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.conf import Settings, settings
from django.urls import URLPattern, URLResolver, include, path

from tests.browsers import LAPTOP, Browser, make_user

DJANGO = "django.contrib.sessions"
OURS = "session_backend.backends.cached_db"
ENGINES = {
    "django-db": f"{DJANGO}.backends.db",
    "django-cached_db": f"{DJANGO}.backends.cached_db",
    "django-cache": f"{DJANGO}.backends.cache",
    "django-file": f"{DJANGO}.backends.file",
    "allauth": f"{DJANGO}.backends.db",
    "user_sessions-db": "user_sessions.backends.db",
    "qsessions-db": "qsessions.backends.db",
    "qsessions-cached_db": "qsessions.backends.cached_db",
    "ng-db": "django_user_sessions_ng.backends.db",
    "ng-cached_db": "django_user_sessions_ng.backends.cached_db",
}
# What docs/how-to/leaving.md puts into the settings is in mysite/, in the folder.
LEAVING = {"leaving": "mysite.session_store", "leaving at once": f"{DJANGO}.backends.db"}

MIGRATE = "command:migrate --run-syncdb -v0"

urlpatterns: list[URLPattern | URLResolver] = []


def configure(folder: Path, name: str) -> None:
    """Set up the test site with an engine, and with a persistent database and cache."""
    new, _, old = name.partition("+")
    os.environ["SESSION_ENGINE"] = (ENGINES | LEAVING).get(new, OURS)
    extra: dict[str, Any] = {}
    if name in LEAVING:
        sys.path.insert(0, str(folder))
        extra["SESSION_ENGINE"] = os.environ["SESSION_ENGINE"]
        os.environ["SESSION_ENGINE"] = ENGINES["django-db"]
        extra["SILENCED_SYSTEM_CHECKS"] = import_module("mysite.settings").SILENCED_SYSTEM_CHECKS
    site: Any = Settings("tests.settings")
    apps, middleware = list(site.INSTALLED_APPS), list(site.MIDDLEWARE)
    if name in LEAVING:
        apps.append("session_backend")
    if old:
        apps.append(ENGINES[old].partition(".backends.")[0])
        extra["SESSION_BACKEND_LEGACY_ENGINE"] = ENGINES[old]
        # Two apps define user.session_set while both are installed.
        extra["SILENCED_SYSTEM_CHECKS"] = ["fields.E304"]
    if name == "allauth":
        apps += ["allauth", "allauth.account", "allauth.usersessions"]
        middleware += [
            "allauth.account.middleware.AccountMiddleware",
            "allauth.usersessions.middleware.UserSessionsMiddleware",
        ]
        extra["USERSESSIONS_TRACK_ACTIVITY"] = True
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}
    files = "django.core.cache.backends.filebased.FileBasedCache"
    settings.configure(
        site,
        ROOT_URLCONF=__name__,
        LOGIN_REDIRECT_URL="/",
        SESSION_FILE_PATH=str(folder),
        DATABASES={"default": database},
        CACHES={"default": {"BACKEND": files, "LOCATION": folder / "cache"}},
        INSTALLED_APPS=apps,
        MIDDLEWARE=middleware,
        **extra,
    )
    django.setup()
    urlpatterns.extend(import_module("tests.urls").urlpatterns)
    if name == "allauth":
        urlpatterns.append(path("allauth/", include("allauth.urls")))


def sign_in(name: str) -> str | None:
    """Sign a new user in and return the cookie."""
    browser = Browser(LAPTOP).sign_in(make_user(name))
    assert browser.get("/").content.decode() == name
    return browser.key


def visit(cookie: str) -> tuple[str, str | None]:
    """Send a cookie; return the user's name on the page, and the cookie that came back."""
    browser = Browser(LAPTOP)
    browser.cookies["sessionid"] = cookie
    return browser.get("/").content.decode(), browser.key


def rows(name: str) -> list[dict[str, Any]]:
    """Return our rows of this user's sessions."""
    from session_backend.models import Session

    columns = ("ip", "user_agent", "browser", "os", "device_type", "created_at", "last_activity")
    found = Session.objects.filter(user__username=name).values(*columns)
    return [{key: str(value) for key, value in row.items()} for row in found]


def revoke(name: str) -> int:
    from django.contrib.auth import get_user_model

    from session_backend.models import Session

    return Session.objects.for_user(get_user_model().objects.get(username=name)).revoke()


def old_keys(table: str) -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT session_key FROM {connection.ops.quote_name(table)}")
        return [row[0] for row in cursor.fetchall()]


def traces(app: str) -> list[str]:
    """Return what is left of an app in the database."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    tables = connection.introspection.table_names()
    found = [
        *(table for table in tables if table.startswith(f"{app}_")),
        *ContentType.objects.filter(app_label=app),
        *Permission.objects.filter(content_type__app_label=app),
        *MigrationRecorder(connection).migration_qs.filter(app=app),
    ]
    return [str(trace) for trace in found]


def command(line: str) -> str:
    import io

    from django.core.management import call_command

    printed = io.StringIO()
    call_command(*line.split(), stdout=printed)
    return printed.getvalue()


STEPS = {
    "sign-in": sign_in,
    "visit": visit,
    "rows": rows,
    "revoke": revoke,
    "old-keys": old_keys,
    "traces": traces,
    "command": command,
}

if __name__ == "__main__":
    configure(Path(sys.argv[1]), sys.argv[2])
    for step in sys.argv[3:]:
        word, _, argument = step.partition(":")
        print(json.dumps(STEPS[word](argument)))
