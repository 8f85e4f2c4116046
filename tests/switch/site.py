"""A site that changes its session engine: `site.py FOLDER ENGINE STEP ...`, a process for each.

ENGINE is one of those below, `ours`, or `ours+ENGINE`, which has that one's app installed still
and adopts its sessions. A step is a word, with its argument after a colon; what each gives is
printed as a line of JSON. `FOLDER` holds the database, the cache and the session files.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
PASSWORD = "correct horse battery staple"


class Engine(NamedTuple):
    app: str
    engine: str
    middleware: str = "django.contrib.sessions.middleware.SessionMiddleware"


DJANGO = "django.contrib.sessions"
NG = "django_user_sessions_ng"
ENGINES = {
    "django-db": Engine(DJANGO, f"{DJANGO}.backends.db"),
    "django-cached_db": Engine(DJANGO, f"{DJANGO}.backends.cached_db"),
    "django-cache": Engine(DJANGO, f"{DJANGO}.backends.cache"),
    "django-file": Engine(DJANGO, f"{DJANGO}.backends.file"),
    "allauth": Engine(DJANGO, f"{DJANGO}.backends.db"),
    "user_sessions-db": Engine(
        "user_sessions", "user_sessions.backends.db", "user_sessions.middleware.SessionMiddleware"
    ),
    "qsessions-db": Engine(
        "qsessions", "qsessions.backends.db", "qsessions.middleware.SessionMiddleware"
    ),
    "qsessions-cached_db": Engine(
        "qsessions", "qsessions.backends.cached_db", "qsessions.middleware.SessionMiddleware"
    ),
    "ng-db": Engine(NG, f"{NG}.backends.db", f"{NG}.middleware.SessionMiddleware"),
    "ng-cached_db": Engine(NG, f"{NG}.backends.cached_db", f"{NG}.middleware.SessionMiddleware"),
}
# What docs/how-to/leaving.md says of the settings is in mysite/, in the folder.
LEAVING = {
    "leaving": Engine(DJANGO, "mysite.session_store"),
    "leaving at once": Engine(DJANGO, f"{DJANGO}.backends.db"),
}
OURS = Engine(
    "session_backend",
    "session_backend.backends.cached_db",
    "session_backend.middleware.SessionMiddleware",
)


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username() or "nobody")


urlpatterns: list[URLPattern | URLResolver] = [path("", home)]


def configure(folder: Path, name: str) -> None:
    switched, _, old = name.partition("+")
    used = (ENGINES | LEAVING).get(switched, OURS)
    apps = [used.app, *([ENGINES[old].app] if old else [])]
    extra: dict[str, Any] = {}
    middleware = [
        used.middleware,
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    if old:
        extra["SESSION_BACKEND_LEGACY_ENGINE"] = ENGINES[old].engine
        # Two apps define user.session_set while both are installed.
        extra["SILENCED_SYSTEM_CHECKS"] = ["fields.E304"]
    if name in LEAVING:
        sys.path.insert(0, str(folder))
        apps.append("session_backend")
        own = import_module("mysite.settings")
        extra["SILENCED_SYSTEM_CHECKS"] = own.SILENCED_SYSTEM_CHECKS
    if name == "allauth":
        apps += ["allauth", "allauth.account", "allauth.usersessions", "django.contrib.messages"]
        middleware += [
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
            "allauth.usersessions.middleware.UserSessionsMiddleware",
        ]
        extra["USERSESSIONS_TRACK_ACTIVITY"] = True
    settings.configure(
        SECRET_KEY="only-for-this-test",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        LOGIN_REDIRECT_URL="/",
        SESSION_ENGINE=used.engine,
        SESSION_FILE_PATH=str(folder),
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}
        },
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": folder / "cache",
            }
        },
        INSTALLED_APPS=[*apps, "django.contrib.auth", "django.contrib.contenttypes"],
        MIDDLEWARE=middleware,
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
            }
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        **extra,
    )
    django.setup()
    urlpatterns.append(path("accounts/", include("django.contrib.auth.urls")))
    if name == "allauth":
        urlpatterns.append(path("allauth/", include("allauth.urls")))


def sign_in(name: str) -> str:
    """Sign in as a browser does; returns the cookie."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    users = get_user_model().objects
    if not users.filter(username=name).exists():
        users.create_user(name, password=PASSWORD)
    client = Client(HTTP_USER_AGENT=CHROME, REMOTE_ADDR="89.160.20.112")
    answer = client.post("/accounts/login/", {"username": name, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    assert client.get("/").content.decode() == name
    return client.cookies["sessionid"].value


def visit(cookie: str) -> list[str]:
    """Come with a cookie; returns who the site says it is, and the cookie it has then."""
    from django.test import Client

    client = Client(HTTP_USER_AGENT=CHROME, REMOTE_ADDR="89.160.20.112")
    client.cookies["sessionid"] = cookie
    answer = client.get("/").content.decode()
    return [answer, client.cookies["sessionid"].value]


def rows(name: str) -> list[dict[str, Any]]:
    """Return what our rows say of this user's sessions."""
    from session_backend.models import Session

    columns = ("ip", "user_agent", "browser", "os", "device_type", "created_at", "last_activity")
    found = Session.objects.filter(user__username=name).values(*columns)
    return [{key: str(value) for key, value in row.items()} for row in found]


def revoke(name: str) -> int:
    from django.contrib.auth import get_user_model

    from session_backend.models import Session

    return Session.objects.for_user(get_user_model().objects.get(username=name)).end()


def old_keys(table: str) -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT session_key FROM {connection.ops.quote_name(table)}")
        return [row[0] for row in cursor.fetchall()]


def traces(app: str) -> list[str]:
    """Return what in the database still speaks of an app."""
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
