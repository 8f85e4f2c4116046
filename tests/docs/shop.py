"""A site with its own session model, which the pages wrote into the folder ``shop``."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import django
from django.conf import Settings, settings
from django.contrib import admin
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path


def enter(request: HttpRequest, shop: int) -> HttpResponse:
    request.session["shop"] = shop
    return HttpResponse()


urlpatterns: list[URLPattern | URLResolver] = [path("shops/<int:shop>/", enter)]


def main() -> None:
    site: Any = Settings("tests.settings")
    settings.configure(
        site,
        DEBUG=True,
        ROOT_URLCONF=__name__,
        LOGIN_URL="admin:login",
        SESSION_ENGINE="shop.sessions",
        # It replaces the other model of this name.
        INSTALLED_APPS=[
            app.replace("tests.custom_sessions", "shop") for app in site.INSTALLED_APPS
        ],
    )
    django.setup()
    urlpatterns.append(path("admin/", admin.site.urls))
    urlpatterns.append(path("account/sessions/", include("session_ui.urls")))
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
