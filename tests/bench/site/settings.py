"""The settings of a site that is measured: the same for all engines, but for the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.engines import Engine
from tests.bench.stacks import Interface, Stack

__all__ = ["settings_of"]


def settings_of(engine: Engine, stack: Stack, interface: Interface, places: Path) -> dict[str, Any]:
    """Return what ``settings.configure`` wants; ``places`` is the GeoIP database."""
    return {
        "SECRET_KEY": "only-for-the-benchmark",
        "ALLOWED_HOSTS": ["*"],
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "ROOT_URLCONF": "tests.bench.site.urls",
        "STATIC_URL": "static/",
        "LOGIN_REDIRECT_URL": "/",
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "LOGGING_CONFIG": None,
        "GEOIP_PATH": str(places),
        "SESSION_ENGINE": engine.store,
        "DATABASES": {"default": stack.database(engine.name, interface)},
        "CACHES": {"default": stack.cache(engine.name)},
        "INSTALLED_APPS": [
            *engine.apps,
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
        ],
        "MIDDLEWARE": [
            engine.middleware,
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            *engine.late_middleware,
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [Path(__file__).parent / "templates"],
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                    ],
                },
            },
        ],
        "BENCH_ROWS": 0,
        **engine.settings,
    }
