"""Make the site's tables and its one user."""

from __future__ import annotations

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)

from django.contrib.auth import get_user_model  # noqa: E402

get_user_model().objects.get_or_create(username="alice")
