"""The views: functions for gunicorn, and coroutines for uvicorn."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse
from django.urls import path

SessionStore = import_module(settings.SESSION_ENGINE).SessionStore

SIGNED_OUT = 401


def sign_in(request: HttpRequest) -> HttpResponse:
    login(request, get_user_model().objects.get(username="alice"))
    return HttpResponse("Hello.")


def read(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return HttpResponse(status=SIGNED_OUT)
    return HttpResponse(request.session.get("count", 0))


def write(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return HttpResponse(status=SIGNED_OUT)
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse(request.session["count"])


async def aread(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponse(status=SIGNED_OUT)
    return HttpResponse(await request.session.aget("count", 0))


async def awrite(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponse(status=SIGNED_OUT)
    count = await request.session.aget("count", 0) + 1
    await request.session.aset("count", count)
    return HttpResponse(count)


def revoke(request: HttpRequest, key: str) -> HttpResponse:
    if settings.SESSION_ENGINE.startswith("session_backend."):
        from session_backend.models import Session

        Session.objects.for_user(request.user).filter(pk=key).revoke()
    else:
        SessionStore(key).delete()
    return HttpResponse("Gone.")


urlpatterns = [
    path("sign-in/", sign_in),
    path("read/", read),
    path("write/", write),
    path("aread/", aread),
    path("awrite/", awrite),
    path("revoke/<key>/", revoke),
]
