"""The URLs of the test site."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username() or "nobody")


urlpatterns: list[URLPattern | URLResolver] = [
    path("", home),
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
]
if apps.is_installed("session_ui"):
    urlpatterns.append(path("account/sessions/", include("session_ui.urls")))
