"""The pages of the site under test."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("accounts/", include("django.contrib.auth.urls")),
    path("account/sessions/", include("session_ui.urls")),
    path("admin/", admin.site.urls),
]
