"""URLs of Fernbank Library."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from example import views

urlpatterns = [
    path("", views.home, name="home"),
    path("account/", views.account, name="account"),
    path("account/sessions/", include("session_ui.urls")),  # the list of sessions
    path("look/", views.look, name="look"),
    path("outbox/", views.outbox, name="outbox"),
    # Django's views, under their usual URLs.
    path("accounts/login/", views.SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("accounts/password_change/", views.PasswordChange.as_view(), name="password_change"),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=static("fernbank/fern.svg"))),
]
