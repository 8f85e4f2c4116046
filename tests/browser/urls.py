"""The pages of the host, and of the site under test."""

from __future__ import annotations

from django.contrib.auth import get_user_model, login
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import include, path
from django.views.generic import TemplateView


def single_sign_on(request: HttpRequest) -> HttpResponseBase:
    """A page that signs in the only user without a password."""
    if request.method == "GET":
        return render(request, "browser/sso.html")
    login(request, get_user_model().objects.get(), "django.contrib.auth.backends.ModelBackend")
    return redirect(request.GET["next"])


urlpatterns = [
    path("", TemplateView.as_view(template_name="browser/public.html")),
    path("host/", TemplateView.as_view(template_name="browser/host.html")),
    path("hostile/", TemplateView.as_view(template_name="browser/hostile.html")),
    path("pieces/", TemplateView.as_view(template_name="browser/pieces.html")),
    path("sso/", single_sign_on),
    path("watched/", TemplateView.as_view(template_name="browser/watched.html")),
    path("watched-hostile/", TemplateView.as_view(template_name="browser/watched_hostile.html")),
    path("watched-list/", TemplateView.as_view(template_name="browser/watched_list.html")),
    path("inline/", TemplateView.as_view(template_name="browser/inline.html")),
    path("accounts/logout/", LogoutView.as_view(next_page="/accounts/login/"), name="logout"),
    path("favicon.ico", lambda request: HttpResponse(status=204)),
    path("", include("tests.urls")),
]
