"""Settings of Fernbank Library, the example site of django-session-ui.

The numbers 1 to 5 below mark what a site adds for the list of sessions. With the ``include`` in
``urls.py`` and the tags in ``templates/base.html`` that is the whole integration. Everything else
is what ``startproject`` writes, and the environment variables that this example reads:

====================  =======================================  =====================================
variable              default                                  meaning
====================  =======================================  =====================================
``HTMX_VERSION``      ``2``                                    htmx 2 or 4, both from django-htmx
``LANGUAGE_CODE``     ``en-gb``                                language of the list of sessions
``DATABASE_URL``      SQLite in ``EXAMPLE_VAR``                ``postgres://user:secret@host/name``
``REDIS_URL``         no cache                                 ``redis://host:6379/0``
``DEBUG``             ``0``                                    ``1`` to reload edited templates
``ALLOWED_HOSTS``     ``localhost,127.0.0.1,[::1]``            comma separated
``SECRET_KEY``        a constant, for this example only
``EXAMPLE_VAR``       ``example_project/var``                  folder for generated files
====================  =======================================  =====================================
"""

from __future__ import annotations

import os
from pathlib import Path

import dj_database_url
from django.utils.functional import lazy

from example.looks import current_pack

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("EXAMPLE_VAR") or BASE_DIR / "var")
LOOKS_DIR = VAR_DIR / "looks"
LOOKS_DIR.mkdir(parents=True, exist_ok=True)

DATABASE_URL = os.environ.get("DATABASE_URL", "")
REDIS_URL = os.environ.get("REDIS_URL", "")
HTMX_VERSION = int(os.environ.get("HTMX_VERSION") or 2)

# -- django-session-ui: what a site adds ---------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "session_backend",  # 1. instead of "django.contrib.sessions"
    "session_ui",  # 2. the list of sessions, and the two apps that it uses
    "django_tables2",
    "django_htmx",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "example.middleware.content_security_policy",
    "example.middleware.chosen_look",
    "session_backend.middleware.SessionMiddleware",  # 3. instead of Django's
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",  # 4. sets request.htmx
]

SESSION_ENGINE = "session_backend.backends.db"  # 5. needs no cache

# Optional: locations, from any GeoLite2, GeoIP2 or DB-IP database. The demo command writes a small
# one here.
GEOIP_PATH = VAR_DIR

# Optional: the class names of a CSS framework. Usually this is a plain string; here it depends on
# the look that the visitor has chosen at the foot of the page.
SESSION_UI_PACK = lazy(current_pack, str)()

# Optional: an email about each sign-in from a new device. Here it goes to a folder, which the page
# "Outbox" shows.
SESSION_UI_NOTIFY_NEW_SIGN_IN = True
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "outbox"
DEFAULT_FROM_EMAIL = "Fernbank Library <library@fernbank.example>"

# -- the rest of the site ------------------------------------------------------------------------

# Off, as on a live site: with DEBUG, django-htmx replaces the page when an htmx request fails, and
# the list could not show its own error message.
DEBUG = os.environ.get("DEBUG", "0") == "1"
SECRET_KEY = os.environ.get("SECRET_KEY") or "django-insecure-for-the-fernbank-example-only"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CONTENT_SECURITY_POLICY = "default-src 'self'"

ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "account"
LOGOUT_REDIRECT_URL = "home"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "example.context.htmx",
                "example.context.look",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)
    if DATABASE_URL
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": VAR_DIR / "db.sqlite3"}
}

if REDIS_URL:
    # A cache that all processes share can hold sessions.
    SESSION_ENGINE = "session_backend.backends.cached_db"
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            # So that a server that hangs delays a request by half a second, not for ever.
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
        }
    }

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = os.environ.get("LANGUAGE_CODE") or "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static", ("looks", LOOKS_DIR)]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# With DEBUG off, Django emails errors; here they are logged to the terminal.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
