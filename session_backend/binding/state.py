"""The binding of a session to its device, and the cookie that proves it.

The device keeps a private key, and the session has the public one. For a challenge that it has
signed the browser gets a *bound cookie*, which expires soon. Requests need that one too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.utils import timezone
from django.utils.crypto import get_random_string

from session_backend.auth import user_with
from session_backend.conf import BINDING_MODES, conf
from session_backend.fields import Digest

__all__ = ["Binding", "bound_cookie", "cookie_name", "new_token", "offered"]

# Seconds for which a bound cookie is accepted, a challenge may be signed after a sign-in, and a
# browser has time to register where that is required. Chromium signs six times in nine minutes at
# most, so it cannot be much shorter.
LIFETIME = 600
# Browsers forget the cookie this much earlier: a request may be under way when it expires. For as
# long, a session that has just been bound needs none: requests may be under way without it.
MARGIN = 60
# How long a challenge may be signed that came with a bound cookie, for the refresh after it.
CHALLENGE_LIFETIME = 2 * LIFETIME

# The browser asks for HTTPS as well, or for this host (Secure Contexts, section 3.1).
LOCAL_HOST = "localhost"


class Binding(NamedTuple):
    """What a session's column ``binding`` holds, as JSON."""

    id: str
    """The session identifier of the protocol."""
    is_required: bool = False
    """Whether the session is refused after a while if no browser has registered a key."""
    challenge: str = ""
    """What the browser is to sign next; it is good for one signature."""
    challenged_at: float = 0
    """Since when, in seconds since the epoch."""
    key: Mapping[str, str] | None = None
    """The public key (JWK, RFC 7517), or None before the registration."""
    cookies: list[list[Any]] = []
    """The digests of the bound cookies, the current one and the previous one, with the times at
    which they expire."""

    @classmethod
    def parse(cls, text: str) -> Binding:
        """Return the binding that the column holds."""
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return json.dumps(self._asdict(), separators=(",", ":"))

    def accepts(self, cookie: str) -> bool:
        """Return whether a request with this bound cookie, or ``""``, proves what it has to."""
        now = timezone.now().timestamp()
        if self.key is None:
            is_required = self.is_required and conf.binding != "offer"
            return not is_required or now < self.challenged_at + LIFETIME
        digest = Digest.of(cookie)
        found = [compare_digest(digest, known) and now < until for known, until in self.cookies]
        return any(found)

    def has_open(self, challenge: str | None = None) -> bool:
        """Return whether there is a challenge that may be signed, and it is this one if given."""
        lifetime = LIFETIME if self.key is None else CHALLENGE_LIFETIME
        is_open = timezone.now().timestamp() < self.challenged_at + lifetime
        return is_open and (challenge is None or compare_digest(self.challenge, challenge))

    def challenged(self) -> Binding:
        """Return the binding with a new challenge."""
        return self._replace(challenge=new_token(), challenged_at=timezone.now().timestamp())

    def renewed(self, key: Mapping[str, str], cookie: str) -> Binding:
        """Return the binding to a key after a proof: with another bound cookie and challenge."""
        now = timezone.now().timestamp()
        # Without a previous cookie, the previous one is none.
        previous = self.cookies[:1] or [[Digest.of(""), now + MARGIN]]
        cookies = [[Digest.of(cookie), now + LIFETIME], *previous]
        return self.challenged()._replace(key=key, cookies=cookies)


def offered(request: HttpRequest | None, user_id: Any) -> Binding | None:
    """Return the binding with which a session begins; None if none is offered.

    None is outside of a request, over plain HTTP, where browsers ignore the offer, or where the
    setting says ``"off"``.
    """
    if request is None or not is_trustworthy(request):
        return None
    mode = mode_for(request, user_id)
    if mode == "off":
        return None
    return Binding(new_token(), is_required=mode == "require").challenged()


def mode_for(request: HttpRequest, user_id: Any) -> str:
    """Return ``"off"``, ``"offer"`` or ``"require"``, as the setting has it for a user."""
    mode = conf.binding
    if isinstance(mode, str):
        return mode
    user = getattr(request, "user", None)
    if user is None or user.pk != user_id:
        user = user_with(user_id)
    found = mode(user)
    if found not in BINDING_MODES:
        raise ImproperlyConfigured(
            f"SESSION_BACKEND_BINDING returned {found!r}, which is none of {BINDING_MODES}."
        )
    return found


def is_trustworthy(request: HttpRequest) -> bool:
    host, _ = split_domain_port(request.META.get("HTTP_HOST", ""))
    return request.is_secure() or host == LOCAL_HOST


def new_token() -> str:
    """Return text for a challenge, an identifier or a bound cookie: 190 random bits."""
    return get_random_string(32)


def cookie_name() -> str:
    """Return the name of the bound cookie; prefixes such as ``__Host-`` are kept."""
    return f"{settings.SESSION_COOKIE_NAME}_bound"


def bound_cookie(request: HttpRequest) -> str:
    """Return a request's bound cookie, or ``""``."""
    return request.COOKIES.get(cookie_name(), "")
