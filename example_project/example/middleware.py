"""The Content-Security-Policy header, and the look that the visitor has chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from example import looks

__all__ = ["chosen_look", "content_security_policy"]


@sync_and_async_middleware
def content_security_policy(get_response: Callable[[HttpRequest], Any]) -> Callable[..., Any]:
    """Send ``settings.CONTENT_SECURITY_POLICY`` with every response.

    Django has a middleware for this since 6.0; this one works on 5.2 as well.
    """
    if iscoroutinefunction(get_response):

        async def amiddleware(request: HttpRequest) -> HttpResponseBase:
            return with_policy(await get_response(request))

        return amiddleware

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return with_policy(get_response(request))

    return middleware


def with_policy(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
    return response


@sync_and_async_middleware
def chosen_look(get_response: Callable[[HttpRequest], Any]) -> Callable[..., Any]:
    """Use the look that the request's cookie names."""
    if iscoroutinefunction(get_response):

        async def amiddleware(request: HttpRequest) -> HttpResponseBase:
            looks.choose(request.COOKIES.get("look"))
            response: HttpResponseBase = await get_response(request)
            return response

        return amiddleware

    def middleware(request: HttpRequest) -> HttpResponseBase:
        looks.choose(request.COOKIES.get("look"))
        response: HttpResponseBase = get_response(request)
        return response

    return middleware
