"""Views that each do one thing with the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import alogin, login
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from session_backend.middleware import background
from session_backend.models import Session

__all__ = ["urlpatterns"]


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello.")


def read(request: HttpRequest) -> HttpResponse:
    name = request.user.get_username() if request.user.is_authenticated else "anonymous"
    return HttpResponse(f"{name}: {request.session.get('count', 0)}")


async def ahome(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello.")


async def aget(request: HttpRequest) -> HttpResponse:
    return HttpResponse(await request.session.aget("count", "nothing"))


async def aset(request: HttpRequest) -> HttpResponse:
    await request.session.aset("colour", "blue")
    return HttpResponse("Set.")


async def aread(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    name = user.get_username() if user.is_authenticated else "anonymous"
    return HttpResponse(f"{name}: {await request.session.aget('count', 0)}")


def sign_in_again(request: HttpRequest) -> HttpResponse:
    login(request, request.user)  # type: ignore[arg-type]
    return HttpResponse("Signed in.")


async def asign_in_again(request: HttpRequest) -> HttpResponse:
    await alogin(request, await request.auser())  # type: ignore[arg-type]
    return HttpResponse("Signed in.")


def write(request: HttpRequest) -> HttpResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return read(request)


async def awrite(request: HttpRequest) -> HttpResponse:
    count = await request.session.aget("count", 0)
    await request.session.aset("count", count + 1)
    return await aread(request)


def empty(request: HttpRequest) -> HttpResponse:
    for key in list(request.session.keys()):
        del request.session[key]
    return HttpResponse("Emptied.")


def cycle(request: HttpRequest) -> HttpResponse:
    request.session.cycle_key()
    return read(request)


def flush(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return HttpResponse("Flushed.")


def interrupted(request: HttpRequest) -> HttpResponse:
    """Revoke the session while the request writes to it."""
    response = write(request)
    Session.objects.filter(pk=request.session.session_key).revoke()
    return response


def without(request: HttpRequest) -> HttpResponse:
    del request.session
    return HttpResponse("No session.")


def replaced(request: HttpRequest) -> HttpResponse:
    request.session = {}  # type: ignore[assignment]
    return HttpResponse("A dictionary.")


def without_session(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Middleware that removes the session from the request."""

    def middleware(request: HttpRequest) -> HttpResponse:
        del request.session
        return get_response(request)

    return middleware


def broken(request: HttpRequest) -> HttpResponse:
    request.session["count"] = 1000
    return HttpResponse("Come back later.", status=503)


def crash(request: HttpRequest) -> HttpResponse:
    request.session["count"] = 1000
    raise ZeroDivisionError


urlpatterns = [
    path("", home),
    path("ahome/", ahome),
    path("aget/", aget),
    path("aset/", aset),
    path("read/", read, name="read"),
    path("aread/", aread),
    path("again/", sign_in_again),
    path("again-async/", asign_in_again),
    path("write/", write),
    path("awrite/", awrite),
    path("empty/", empty),
    path("cycle/", cycle),
    path("flush/", flush),
    path("interrupted/", interrupted),
    path("without/", without),
    path("replaced/", replaced),
    path("broken/", broken),
    path("crash/", crash),
    path("poll/", background(read)),
    path("apoll/", background(aread)),
    path("background/", background(home)),
    path("background-write/", background(write)),
    path("", include("tests.urls")),
]
