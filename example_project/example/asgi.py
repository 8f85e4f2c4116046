"""The site for an ASGI server: ``uvicorn --app-dir example_project example.asgi:application``."""

from __future__ import annotations

import os

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")

# Serves the static files too, whatever DEBUG says: an example has no web server in front of it.
application = ASGIStaticFilesHandler(get_asgi_application())
