"""The pages of the site that is measured; each does one thing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model, login, logout
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.urls import URLPattern, URLResolver, include, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from benchmarks.engines import Engine

__all__ = ["urlpatterns"]


def anonymous(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello.")


def read(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


async def aread(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    return HttpResponse(user.get_username())


def write(request: HttpRequest) -> HttpResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse(request.user.get_username())


def sign_in(request: HttpRequest, pk: int) -> HttpResponse:
    user = get_user_model()._default_manager.get(pk=pk)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    if apps.is_installed("allauth.usersessions"):
        # Its own sign-in view tells its other apps so, and does much more.
        allauth: Any = import_module("allauth.account.signals")
        allauth.user_logged_in.send(type(user), request=request, user=user)
    return HttpResponse(user.get_username())


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse("Bye.")


def live_sessions(request: HttpRequest) -> Any:
    engine: Engine = settings.BENCHMARK_ENGINE  # type: ignore[misc]
    rows = apps.get_model(engine.user_model)._default_manager.filter(
        user=request.user, expire_date__gt=timezone.now()
    )
    return rows.order_by("-updated_at")


def devices(request: HttpRequest) -> HttpResponse:
    """List the devices for a peer that has no page, by what its rows say of themselves."""
    template = Template(
        "<table>{% for session in sessions %}<tr><td>{{ session.device }}</td>"
        "<td>{{ session.location }} <small>{{ session.ip }}</small></td>"
        "<td>{{ session.created_at|timesince }}</td><td>{{ session.updated_at|timesince }}</td>"
        "</tr>{% endfor %}</table>"
    )
    return HttpResponse(template.render(Context({"sessions": live_sessions(request)})))


def floor(request: HttpRequest) -> HttpResponse:
    """List the devices by one query and no template: the least that a list can cost."""
    columns = ("browser", "os", "city", "country", "ip", "created_at", "last_activity")
    rows = live_sessions(request).values_list(*columns)[:100]
    row = "<tr><td>{} on {}</td><td>{}, {} {}</td><td>{}</td><td>{}</td></tr>"
    return HttpResponse(format_html("<table>{}</table>", format_html_join("", row, rows)))


urlpatterns: list[URLPattern | URLResolver] = [
    path("anonymous/", anonymous),
    path("read/", read),
    path("aread/", aread),
    path("write/", write),
    path("sign-in/<int:pk>/", sign_in),
    path("sign-out/", sign_out),
    path("devices/", devices),
    path("floor/", floor),
    path("admin/", admin.site.urls),
]

if apps.is_installed("session_ui"):
    from django_htmx.middleware import HtmxMiddleware

    from session_backend.middleware import background
    from session_ui.views import SessionListView

    # The middleware of django-htmx is around these views alone: otherwise all sites have the same.
    ours: Any = HtmxMiddleware(SessionListView.as_view())
    urlpatterns += [
        path("list/", ours),
        path("list/poll/", background(ours)),
        path("sessions/", include("session_ui.urls")),
    ]
if apps.is_installed("user_sessions"):
    urlpatterns.append(path("", include("user_sessions.urls", "user_sessions")))
if apps.is_installed("allauth.usersessions"):
    urlpatterns.append(path("allauth/", include("allauth.urls")))
    urlpatterns.append(path("sessions/", include("allauth.usersessions.urls")))
