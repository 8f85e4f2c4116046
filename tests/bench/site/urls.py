from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from tests.bench.site import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("anonymous/", views.anonymous),
    path("read/", views.read),
    path("aread/", views.aread),
    path("write/", views.write),
    path("sign-in/<int:pk>/", views.sign_in),
    path("sign-out/", views.sign_out),
    path("devices/", views.devices),
    path("plain/", views.plain),
    path("admin/", admin.site.urls),
]

if apps.is_installed("session_ui"):
    from session_backend.middleware import silent
    from session_ui.views import SessionListView

    # The middleware of django-htmx around these views alone: all sites have the same otherwise.
    urlpatterns += [
        path("kit/", views.with_htmx(SessionListView.as_view())),
        path("kit/poll/", silent(views.with_htmx(SessionListView.as_view()))),
        path("sessions/", include("session_ui.urls")),
    ]
if apps.is_installed("user_sessions"):
    urlpatterns.append(path("", include("user_sessions.urls", "user_sessions")))
if apps.is_installed("allauth.usersessions"):
    urlpatterns.append(path("allauth/", include("allauth.urls")))
    urlpatterns.append(path("sessions/", include("allauth.usersessions.urls")))
