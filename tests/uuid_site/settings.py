"""The site under test with a user model whose primary key is a UUID."""

from __future__ import annotations

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

# A test site of its own, whose models need Django's user model.
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "tests.custom_sessions"]
INSTALLED_APPS += ["tests.uuid_site"]

AUTH_USER_MODEL = "uuid_site.User"

if DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
    # The tests that start these have a database already.
    DATABASES["default"]["TEST"] = {"NAME": f"test_uuid_{DATABASES['default']['NAME']}"}
