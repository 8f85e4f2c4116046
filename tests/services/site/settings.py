"""A site whose servers and engine the environment names; its pages do one thing each."""

from __future__ import annotations

import os

import dj_database_url
from redis.backoff import NoBackoff
from redis.retry import Retry

SECRET_KEY = "only-for-the-tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "tests.services.site.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SESSION_ENGINE = os.environ["SITE_ENGINE"]
# Short, so that a test need not wait for a minute to see the end of it.
SESSION_BACKEND_ACTIVITY_INTERVAL = 2
IS_OURS = SESSION_ENGINE.startswith("session_backend.")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "session_backend" if IS_OURS else "django.contrib.sessions",
]
MIDDLEWARE = [
    f"{'session_backend' if IS_OURS else 'django.contrib.sessions'}.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {
        **dj_database_url.parse(os.environ["SITE_DATABASE_URL"]),
        # Under ASGI every request has a thread of its own: a connection that is kept is one that
        # nobody uses again.
        "CONN_MAX_AGE": 0 if os.environ["SITE_IS_ASYNC"] else None,
        "CONN_HEALTH_CHECKS": True,
    },
}
SOCKET_TIMEOUT = 0.5
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["SITE_REDIS_URL"],
        "OPTIONS": {
            "socket_timeout": SOCKET_TIMEOUT,
            "socket_connect_timeout": SOCKET_TIMEOUT,
            # By itself redis-py tries a command four times: four time-outs, and pauses.
            "retry": Retry(NoBackoff(), 0),
        },
    },
}
