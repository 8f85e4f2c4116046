"""The test site: SQLite and local memory, unless the environment says otherwise.

``DATABASE_URL``, ``REDIS_URL``
    postgres://, mysql:// or sqlite://, and redis://.
``SESSION_ENGINE``
    Ours, Django's, or that of another package: the site has its app and its middleware.
``USER_MODEL``
    ``uuid_user.User`` has a UUID for a primary key.
``ROOT_URLCONF``, ``EXTRA_APPS``, ``ACTIVITY_INTERVAL``, ``CONN_MAX_AGE``
    For the sites that tests start as processes of their own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

SECRET_KEY = "only-for-the-tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
ROOT_URLCONF = os.environ.get("ROOT_URLCONF", "tests.urls")
STATIC_URL = "static/"
LOGIN_REDIRECT_URL = "session_ui:session_list"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Signing in is what most tests do first: a hash made to be slow would be most of their time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

SESSION_ENGINE = os.environ.get("SESSION_ENGINE", "session_backend.backends.cached_db")
if "ACTIVITY_INTERVAL" in os.environ:
    SESSION_BACKEND_ACTIVITY_INTERVAL = int(os.environ["ACTIVITY_INTERVAL"])
# A package's engines are in its module `backends`, and its middleware beside that.
SESSION_APP = "session_backend"
if ".backends." in SESSION_ENGINE:
    SESSION_APP = SESSION_ENGINE.partition(".backends.")[0]

AUTH_USER_MODEL = os.environ.get("USER_MODEL", "auth.User")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    SESSION_APP,
]
if SESSION_APP == "session_backend":
    INSTALLED_APPS += ["django_htmx", "django_tables2", "session_ui"]
    # Some models of the first need Django's own user model.
    INSTALLED_APPS += [
        "tests.custom_sessions" if AUTH_USER_MODEL == "auth.User" else "tests.uuid_user"
    ]
INSTALLED_APPS += os.environ.get("EXTRA_APPS", "").split()
# Django makes their tables from their models. What has no migrations may refer only to what has
# none either, so the apps that ours refer to are among them.
MIGRATION_MODULES: dict[str, Any] = dict.fromkeys(["admin", "auth", "contenttypes"])

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    f"{SESSION_APP}.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
if SESSION_APP == "session_backend":
    MIDDLEWARE += ["django_htmx.middleware.HtmxMiddleware"]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASE_URL = os.environ.get("DATABASE_URL")
DATABASES: dict[str, Any] = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
}
if DATABASE_URL:
    import dj_database_url

    if DATABASE_URL.startswith("mysql:"):
        # PyMySQL needs no compiler; this is its documented way to stand in for mysqlclient.
        import pymysql

        pymysql.install_as_MySQLdb()
    age = int(os.environ.get("CONN_MAX_AGE", "0"))
    DATABASES["default"] = dj_database_url.parse(
        DATABASE_URL, conn_max_age=age, conn_health_checks=True
    )

REDIS_URL = os.environ.get("REDIS_URL")
CACHES: dict[str, Any] = {"default": {"BACKEND": "tests.session_backend.caches.SharedCache"}}
if REDIS_URL:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "socket_timeout": 0.5,
            "socket_connect_timeout": 0.5,
            # By itself redis-py tries a command four times: four time-outs, and pauses.
            "retry": Retry(NoBackoff(), 0),
        },
    }
