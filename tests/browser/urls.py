"""The pages of the host, and of the site under test."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.http import HttpResponse
from django.urls import include, path
from django.views.generic import TemplateView

urlpatterns = [
    path("", TemplateView.as_view(template_name="browser/public.html")),
    path("host/", TemplateView.as_view(template_name="browser/host.html")),
    path("hostile/", TemplateView.as_view(template_name="browser/hostile.html")),
    path("pieces/", TemplateView.as_view(template_name="browser/pieces.html")),
    path("inline/", TemplateView.as_view(template_name="browser/inline.html")),
    path("accounts/logout/", LogoutView.as_view(next_page="/accounts/login/"), name="logout"),
    path("favicon.ico", lambda request: HttpResponse(status=204)),
    path("", include("tests.urls")),
]
