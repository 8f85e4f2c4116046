"""The settings that Django's tests of sessions need, and our engine."""

from __future__ import annotations

SECRET_KEY = "only-for-djangos-tests"
USE_TZ = False
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    # Imported by the tests, and used by those of them that are not ours to pass.
    "django.contrib.sessions",
    "session_backend",
    "sessions_tests",
    "tests.django_suite",
]
MIDDLEWARE = ["session_backend.middleware.SessionMiddleware"]
SESSION_ENGINE = "session_backend.backends.db"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Both session apps are installed, here on purpose.
SILENCED_SYSTEM_CHECKS = ["session_backend.W001"]
