"""The site for a WSGI server: ``gunicorn --chdir example_project example.wsgi``."""

from __future__ import annotations

import os

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")

# Serves the static files too, whatever DEBUG says: an example has no web server in front of it.
application = StaticFilesHandler(get_wsgi_application())
