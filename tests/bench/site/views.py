"""The pages of a site that is measured; each does one thing."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model, login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

__all__ = [
    "anonymous",
    "aread",
    "devices",
    "plain",
    "read",
    "sign_in",
    "sign_out",
    "with_htmx",
    "write",
]


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


def devices(request: HttpRequest) -> HttpResponse:
    """List the devices of a peer that has no page, by what its rows say of themselves."""
    user: Any = request.user
    rows = user.sessions if hasattr(user, "sessions") else user.session_set
    sessions = rows.filter(expire_date__gt=timezone.now()).order_by("-updated_at")
    return render(request, "bench/devices.html", {"sessions": sessions})


def plain(request: HttpRequest) -> HttpResponse:
    """Make the markup of our list by one template and no kit."""
    from session_backend.fields import Digest
    from session_backend.models import Session

    rows = Session.objects.for_user(request.user).active().defer("session_data")
    current = Digest.of(request.session.session_key or "")
    sessions = sorted(rows.order_by("-last_activity", "pk"), key=lambda row: row.pk != current)
    context = {"sessions": sessions, "current": current, "others": len(sessions) - 1}
    return render(request, "bench/plain.html", context)


def with_htmx(view: Callable[..., Any]) -> Callable[[HttpRequest], HttpResponse]:
    """Give a view of the kit the ``request.htmx`` that it needs."""
    from django_htmx.middleware import HtmxMiddleware

    middleware = HtmxMiddleware(view)

    def wrapped(request: HttpRequest) -> Any:
        return middleware(request)

    return wrapped
