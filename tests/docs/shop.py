"""A site with a session model of its own, which the pages wrote into the folder ``shop``."""

from __future__ import annotations

import sys
from importlib import import_module

import django
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from tests.settings import MIDDLEWARE, TEMPLATES


def enter(request: HttpRequest, shop: int) -> HttpResponse:
    request.session["shop"] = shop
    return HttpResponse()


urlpatterns: list[URLPattern | URLResolver] = [path("shops/<int:shop>/", enter)]


def main() -> None:
    settings.configure(
        SECRET_KEY="only-for-this-test",
        ALLOWED_HOSTS=["*"],
        DEBUG=True,
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        STATIC_URL="static/",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        SESSION_ENGINE="shop.sessions",
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "session_backend",
            "session_ui",
            "django_tables2",
            "django_htmx",
            "shop",
        ],
        MIDDLEWARE=MIDDLEWARE,
        TEMPLATES=TEMPLATES,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    urlpatterns.append(path("admin/", admin.site.urls))
    from django.contrib.auth import get_user_model
    from django.test import Client

    from session_backend.models import Session

    call_command("migrate", run_syncdb=True, verbosity=0)
    call_command("check", fail_level="WARNING", stdout=sys.stderr)

    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("ana"))
    browser.get("/shops/7/")
    (row,) = import_module("shop.models").ShopSession.objects.all()
    assert (row.shop, row.user.get_username()) == (7, "ana")
    assert not Session.objects.exists()
    page = browser.get("/admin/shop/shopsession/").content.decode()
    assert "column-shop" in page, page
    assert browser.get("/admin/session_backend/session/").status_code == 404


if __name__ == "__main__":
    main()
