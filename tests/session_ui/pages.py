"""A site's own pages around the list, and the addresses of all of them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import engines
from django.urls import include, path

HOST_PAGE = (
    "{% load session_ui %}<title>Host</title>{% session_ui_assets %}"
    "<nav>{% session_count %}</nav>{% include 'session_ui/block.html' %}"
)


def host(request: HttpRequest) -> HttpResponse:
    """A page that knows nothing of the list but the include and the tags."""
    return HttpResponse(engines["django"].from_string(HOST_PAGE).render({}, request))


def crowded(request: HttpRequest) -> HttpResponse:
    """A page whose own variables share their names with those of our templates."""
    names = "action cell classes count heading html interval kind listing oob row session size url"
    context = dict.fromkeys([*names.split(), "status", "table", "text", "version"], "of the host")
    return render(request, "session_ui/block.html", context)


PIECES_PAGE = (
    "{% include 'session_ui/this_device.html' %}{% include 'session_ui/menu.html' %}"
    "{% include 'session_ui/sign_out_others.html' %}{% include 'session_ui/history.html' %}"
    "{% load session_ui %}{% session_watch %}"
    "{% for message in messages %}<p>{{ message }}</p>{% endfor %}"
)


def pieces(request: HttpRequest) -> HttpResponse:
    """A page with the pieces that stand beside the list, and without the list."""
    return HttpResponse(engines["django"].from_string(PIECES_PAGE).render({}, request))


urlpatterns = [
    path("pieces/", pieces),
    path("host/", host),
    path("crowded/", crowded),
    path("", include("tests.urls")),
]
