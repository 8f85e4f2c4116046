"""How the documentation is built: `sphinx-build -W -n docs docs/_build/html`."""

from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "ext")]

# The reference pages are made from docstrings, and to import models is to set Django up.
settings.configure(
    SECRET_KEY="only-for-the-documentation",
    USE_TZ=True,
    SESSION_ENGINE="session_backend.backends.cached_db",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django_htmx",
        "django_tables2",
        "session_backend",
        "session_ui",
    ],
)
django.setup()

project = "django-session-ui"
author = "django-session-ui contributors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "template_table"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_class_signature = "separated"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
# Names of other packages and of the language: their documentation is not read in, so that a build
# needs no network.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!session_backend\.|session_ui\.).*"),
    (r"py:class", r"session_backend\.middleware\.View"),  # a type variable
    (r"py:class", r"session_ui\.sessions\.Version"),  # what a page keeps of its list
]

html_theme = "furo"
html_title = "django-session-ui"
html_static_path: list[str] = []
html_show_copyright = False
