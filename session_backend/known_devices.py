"""Whether a user has signed in with a device before.

A device is known by its cookie, of which only the digest is stored, or else by what other sign-ins
of the user had in common with this one: the browser, the operating system and the network, which
implies the country. The version of a browser makes no device new, nor does an address in a known
network.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Case, Q, Value, When
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import get_random_string

from session_backend.client import network_of
from session_backend.conf import conf
from session_backend.history import PastSession

if TYPE_CHECKING:
    from session_backend.models import SessionQuerySet

__all__ = ["Recognition", "device_token", "recognize", "set_device_cookie"]

# The longest that browsers keep a cookie (RFC 6265bis, section 5.5).
COOKIE_AGE = 400 * 24 * 60 * 60
TOKEN_LENGTH = 32
COLUMNS = ("name", "os", "ip", "last_activity")
# Enough to find a network among those of a user who signs in from everywhere.
MAX_COMPARED = 100


class Recognition(NamedTuple):
    """What earlier sign-ins of a user say of this one."""

    is_new: bool
    """Whether the user has signed in before, but not with this device."""
    name: str
    """What the user calls the device, or ``""``."""


def device_token(request: HttpRequest) -> str:
    """Return the random text in a request's device cookie, or a new one without a valid one."""
    token = request.COOKIES.get(conf.device_cookie or "", "")
    is_valid = re.fullmatch(f"[0-9a-zA-Z]{{{TOKEN_LENGTH}}}", token)
    return token if is_valid else get_random_string(TOKEN_LENGTH)


def set_device_cookie(response: HttpResponseBase, token: str) -> None:
    """Give the browser its device cookie, which opens nothing."""
    response.set_cookie(
        conf.device_cookie or "",
        token,
        max_age=COOKIE_AGE,
        **conf.cookie_attributes,
    )


def recognize(
    earlier: SessionQuerySet, user_id: Any, device_id: str, client: dict[str, Any]
) -> Recognition:
    """Compare a sign-in with the sessions and past sessions of its user, by one statement.

    ``client`` are the columns of a session that describe the client. What a site does not store
    cannot be compared: without addresses the cookie decides, and without both the browser.
    """
    is_device = Q(device_id=device_id) & ~Q(device_id="")
    match = Case(When(is_device, then=0), When(browser=client["browser"], then=1), default=Value(2))
    past = PastSession.objects.using(earlier.db).filter(user=user_id)
    found = [
        # Support's own devices say nothing, nor do sessions without a client, as those have that
        # come from another engine.
        rows.filter(impersonator="")
        .exclude(device_id="", browser="", os="", ip=None)
        .annotate(match=match)
        .values_list("match", *COLUMNS)
        for rows in (earlier, past)
    ]
    rows = found[0].union(found[1], all=True).order_by("match", "-last_activity")[:MAX_COMPARED]
    seen = list(rows)
    if seen and seen[0][0] == 0:
        return Recognition(is_new=False, name=seen[0][1])
    here = (family(client["os"]), network_of(client["ip"]))
    can_compare = client["ip"] is not None or not device_id
    is_known = can_compare and any(
        number == 1 and here == (family(os), network_of(ip)) for number, _, os, ip, _ in seen
    )
    return Recognition(is_new=bool(seen) and not is_known, name="")


def family(os: str) -> str:
    """Return an operating system without its version: ``Windows`` for ``Windows 11``."""
    return os.rstrip("0123456789. ")
