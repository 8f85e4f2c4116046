"""Where a request comes from, and where its page is sent on to, with htmx and without."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from session_backend.backends.db import session_of
from session_backend.conf import conf as backend_conf
from session_backend.fields import Digest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    class Request(HttpRequest):
        """A request that has passed django-htmx's middleware."""

        htmx: HtmxDetails


__all__ = ["is_partial", "own_url", "page_of", "send_on", "wait_for_key"]


# A cookie: of which session key the last poll found no session, and for how many seconds.
MISSED = "session_missed"
MISSED_AGE = 300


class SeeOther(HttpResponseRedirect):
    """Sends a browser on with a GET after its POST (RFC 9110, section 15.4.4)."""

    status_code = 303


def is_partial(request: Request) -> bool:
    """Tell whether htmx asks for a part of a page, and not for a page."""
    htmx = request.htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def page_of(request: Request) -> str:
    """Return the address of the page that a request is made for, or by; ``""`` if it is not known.

    The client says so: it may be made up.
    """
    if not is_partial(request):
        return request.get_full_path()
    # urlsplit() raises on "http://[::1".
    with suppress(ValueError):
        return request.htmx.current_url_abs_path or ""
    return ""


def own_url(request: HttpRequest, url: str | None) -> str:
    """Return an address if it is one of this site, else ``""``."""
    is_own = url_has_allowed_host_and_scheme(
        url, {request.get_host()}, require_https=request.is_secure()
    )
    return url if url and is_own else ""


def wait_for_key(request: HttpRequest) -> HttpResponse | None:
    """Return an empty response to a poll whose session is not there, for no reason that is known.

    Another request of the browser may just have given the session a new key, and the cookie is
    on its way. None if the poll before had the same key.
    """
    session, key = session_of(request), request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if session is None or not (key and session.background and session.has_ended):
        return None
    digest = str(Digest.of(key))[:16]
    if session.ended_reason() or request.COOKIES.get(MISSED) == digest:
        return None
    response = HttpResponse(status=204)
    response.set_cookie(MISSED, digest, max_age=MISSED_AGE, **backend_conf.cookie_attributes)
    return response


def send_on(request: Request, url: str) -> HttpResponseBase:
    """Return the response that sends the whole page to another address."""
    if is_partial(request):
        return HttpResponseClientRedirect(url)
    return SeeOther(url) if request.method == "POST" else HttpResponseRedirect(url)
