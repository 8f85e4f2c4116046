"""Registration and refresh, for which a browser asks by itself, and the offer to register.

The protocol is that of https://w3c.github.io/webappsec-dbsc/. The session middleware answers both
addresses, before any view. These requests have no CSRF token and need none: what counts is a
signature, and no page can have a browser sign.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    JsonResponse,
)

from session_backend.backends.db import SessionStore
from session_backend.binding.proof import ALGORITHMS, ForeignKey, InvalidProof, read_proof
from session_backend.binding.state import (
    LIFETIME,
    MARGIN,
    Binding,
    cookie_name,
    new_token,
)
from session_backend.conf import conf

__all__ = ["endpoint_of", "forget", "offer"]

logger = logging.getLogger("session_backend")

ADDRESS = "session-binding/"
# How often a change is tried when another request gets in the way.
ATTEMPTS = 5

# What to answer, and the binding to store with it; None leaves the one that is there.
Outcome = tuple[HttpResponse, Binding | None]
Step = Callable[[HttpRequest, Binding], Outcome]


def endpoint_of(request: HttpRequest) -> Callable[[HttpRequest], HttpResponse] | None:
    """Return what answers a request for one of the two addresses; None for any other request."""
    # Most requests are told apart by this.
    if ADDRESS not in request.path:
        return None
    endpoints = {address(request, "register"): register, address(request, "refresh"): refresh}
    return endpoints.get(request.path)


def offer(request: HttpRequest, response: HttpResponseBase, challenge: str) -> None:
    """Ask the browser to make a key and to register it."""
    path = address(request, "register")
    response.headers["Secure-Session-Registration"] = (
        f'({" ".join(ALGORITHMS)});path="{path}";challenge="{challenge}"'
    )


def forget(request: HttpRequest, response: HttpResponseBase) -> None:
    """Delete the bound cookie of a session that has ended."""
    # The browser asks for another then, and is told that there is none.
    if cookie_name() in request.COOKIES:
        response.delete_cookie(
            cookie_name(),
            path=settings.SESSION_COOKIE_PATH,
            domain=settings.SESSION_COOKIE_DOMAIN,
            samesite=settings.SESSION_COOKIE_SAMESITE,
        )


def address(request: HttpRequest, name: str) -> str:
    """Return the path of an endpoint: below the site's, and where the session cookie is sent."""
    script, cookie = request.META.get("SCRIPT_NAME", ""), settings.SESSION_COOKIE_PATH
    prefix = cookie if cookie.startswith(f"{script}/") else script
    return f"{prefix.rstrip('/')}/{ADDRESS}{name}"


def register(request: HttpRequest) -> HttpResponse:
    """Bind the session to the key in the request."""
    return answer(request, bind)


def refresh(request: HttpRequest) -> HttpResponse:
    """Give the browser another bound cookie if it proves that it has the key."""
    if not header(request, "Sec-Secure-Session-Id"):
        # A page of another site may post here, but cannot have a browser send this header.
        return plain("There is no session identifier.", 400)
    return answer(request, prove)


def answer(request: HttpRequest, step: Step) -> HttpResponse:
    """Take a step on the binding of a request's session."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    # Not the store of the request, which would ask for what is to be given here.
    response = advance(request, conf.session_store(key), step) if key else ended(request)
    response.headers["Cache-Control"] = "no-store"
    return response


def advance(request: HttpRequest, store: SessionStore, step: Step) -> HttpResponse:
    """Take a step and store its outcome, again if another request was faster."""
    store.background = True
    for attempt in range(ATTEMPTS):
        record = store.read_bound(is_repeated=attempt > 0)
        if record is None:
            break
        try:
            response, binding = step(request, Binding.parse(record.binding))
        except InvalidProof as error:
            return plain(f"The proof is invalid: {error}.", 400)
        except ForeignKey:
            if store.end_bound(record):
                logger.warning("A session was ended: a proof for it had another key.")
                return ended(request)
        else:
            if binding is None or store.bind(record, str(binding)):
                return response
    # Either the session has ended, and the next page deletes its cookie; or it has just got another
    # key, and the browser must not give up. After an empty answer it keeps its binding as it is.
    return HttpResponse(status=204)


def bind(request: HttpRequest, binding: Binding) -> Outcome:
    """Register a key: the first one, for the challenge of the sign-in."""
    proof = read_proof(header(request, "Secure-Session-Response"))
    if binding.key == proof.key:
        return plain("This key is registered.", 409), None
    if binding.key is not None:
        raise ForeignKey
    if not binding.has_open(proof.challenge):
        raise InvalidProof("of another challenge")
    return renewed(request, binding, proof.key)


def prove(request: HttpRequest, binding: Binding) -> Outcome:
    """Check a proof, or ask for one."""
    if binding.key is None or header(request, "Sec-Secure-Session-Id") != binding.id:
        # Of an earlier session in this browser, which has ended.
        return ended(request), None
    text = header(request, "Secure-Session-Response")
    if text:
        proof = read_proof(text, binding.key)
        if binding.has_open(proof.challenge):
            return renewed(request, binding, binding.key)
    response = plain("Sign the challenge.", 403)
    if binding.has_open():
        # It stays as it is: a copied cookie is enough to come here, and another challenge each time
        # would keep the browser from signing the right one.
        return challenging(response, binding), None
    binding = binding.challenged()
    return challenging(response, binding), binding


def renewed(request: HttpRequest, binding: Binding, key: Any) -> Outcome:
    """Return the answer with another bound cookie, and the binding that accepts it."""
    cookie = new_token()
    after = binding.renewed(key, cookie)
    response = HttpResponse(content_type="application/json")
    response.set_cookie(
        cookie_name(),
        cookie,
        max_age=LIFETIME - MARGIN,
        domain=settings.SESSION_COOKIE_DOMAIN,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE or request.is_secure(),
        httponly=True,
        samesite=settings.SESSION_COOKIE_SAMESITE,
    )
    morsel = response.cookies[cookie_name()]
    # The browser compares these with those of the cookie; it permits no others.
    named = morsel.OutputString(["domain", "httponly", "path", "samesite", "secure"])
    instructions = {
        "session_identifier": binding.id,
        "refresh_url": address(request, "refresh"),
        "scope": {
            "include_site": False,
            "scope_specification": [
                {"type": "exclude", "domain": "*", "path": path} for path in excluded(request)
            ],
        },
        "credentials": [
            {"type": "cookie", "name": morsel.key, "attributes": named.partition("; ")[2]}
        ],
    }
    response.content = json.dumps(instructions).encode()
    return challenging(response, after), after


def excluded(request: HttpRequest) -> list[str]:
    """Return the addresses that need no session: those of static and media files, if here."""
    script = f"{request.META.get('SCRIPT_NAME', '')}/"
    paths = (settings.STATIC_URL or "", settings.MEDIA_URL or "")
    # A setting that is empty stands for the whole site.
    return [path for path in paths if path.startswith("/") and not script.startswith(path)]


def challenging(response: HttpResponse, binding: Binding) -> HttpResponse:
    """Have the browser sign this challenge: at once after a 403, else at the next refresh."""
    challenge = f'"{binding.challenge}";id="{binding.id}"'
    response.headers["Secure-Session-Challenge"] = challenge
    return response


def plain(text: str, status: int) -> HttpResponse:
    """Return an answer in words, for the developer tools."""
    return HttpResponse(text, content_type="text/plain", status=status)


def ended(request: HttpRequest) -> HttpResponse:
    """Return the answer after which a browser gives its binding up."""
    identifier = header(request, "Sec-Secure-Session-Id")
    return JsonResponse({"session_identifier": identifier, "continue": False})


def header(request: HttpRequest, name: str) -> str:
    """Return the text in a header, which is a structured string (RFC 9651).

    Older browsers say ``Sec-Session-`` in its name.
    """
    found = request.headers.get(name) or request.headers.get(
        name.replace("Sec-Secure-", "Sec-").replace("Secure-", "Sec-"), ""
    )
    return found.partition(";")[0].strip().strip('"')
