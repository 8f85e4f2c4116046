"""``{% load session_ui %}``: what a site's templates use, and what ours need."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context
from django.utils.safestring import SafeString

from session_backend.details import SessionDetails
from session_backend.devices import Device, device_label, parse_device
from session_backend.locations import Place, locate, place_label
from session_backend.notice import take
from session_ui import text
from session_ui.conf import conf
from session_ui.sessions import SessionList
from session_ui.tables import SessionRow
from session_ui.watch import SessionWatch

__all__ = [
    "browser",
    "city",
    "country",
    "device",
    "location",
    "platform",
    "session_ago",
    "session_cells",
    "session_count",
    "session_day",
    "session_ended",
    "session_exact",
    "session_list",
    "session_name",
    "session_place",
    "session_seen",
    "session_ui_assets",
    "session_watch",
]

register = template.Library()

# -- what a site uses ------------------------------------------------------------------------------


@register.inclusion_tag("session_ui/assets.html", takes_context=True)
def session_ui_assets(context: Context) -> dict[str, Any]:
    """Render the stylesheet's link and the scripts; htmx itself is the site's."""
    # Django's nonce is in the context, django-csp's on the request. Both are lazy, and false until
    # they are used.
    nonce = context.get("csp_nonce")
    if nonce is None:
        nonce = getattr(request_of(context), "csp_nonce", None)
    return {"nonce": nonce}


@register.inclusion_tag("session_ui/session_count.html", takes_context=True)
def session_count(context: Context) -> dict[str, Any]:
    """Render the number of the visitor's sessions; nothing for an anonymous visitor."""
    listing = list_for(context)
    return {"count": None if listing is None else listing.count}


@register.inclusion_tag("session_ui/session_ended.html", takes_context=True)
def session_ended(context: Context) -> dict[str, Any]:
    """Render once, for a visitor who has been signed out, why: no device and no place."""
    request = request_of(context)
    if request is None:
        return {}
    # First, for it opens the session.
    is_visitor = visitor_of(request) is None
    reason = take(request)
    words = text.signed_out_because(reason) if is_visitor else ""
    return {"reason": reason, "words": words, "classes": conf.classes}


@register.inclusion_tag("session_ui/watch.html", takes_context=True)
def session_watch(context: Context) -> dict[str, Any]:
    """Render what takes an open page to the sign-in page once its visitor is signed out.

    Before the session ends for want of activity, it asks. For an anonymous visitor it is nothing.
    """
    request = request_of(context)
    if request is None or visitor_of(request) is None:
        return {"watch": None}
    return {"watch": SessionWatch(request), "classes": conf.classes}


@register.filter
def device(value: Any) -> str:
    """Return the device in words, of a session or a user agent: *Chrome on Windows*."""
    if isinstance(value, SessionDetails):
        return value.device()
    seen = device_of(value)
    return device_label(browser=seen.browser, os=seen.os, device_model=seen.device_model)


@register.filter
def browser(value: Any) -> str:
    """Return the browser of a session or a user agent: *Chrome*; or nothing."""
    return device_of(value).browser


@register.filter
def platform(value: Any) -> str:
    """Return the operating system of a session or a user agent: *Windows*; or nothing."""
    return device_of(value).os


@register.filter
def location(value: Any) -> str:
    """Return the place of a session or an IP address: *Linköping, Sweden*; or nothing."""
    place = place_of(value)
    return place_label(city=place.city, country=place.country) or ""


@register.filter
def city(value: Any) -> str:
    """Return the city of a session or an IP address, or nothing."""
    return place_of(value).city


@register.filter
def country(value: Any) -> str:
    """Return the country of a session or an IP address, or nothing."""
    return place_of(value).country


# -- what our templates need -----------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def session_list(context: Context) -> SessionList | None:
    """Return the visitor's list, the view's where there is one; None for an anonymous visitor."""
    listing = context.get("listing")
    return listing if isinstance(listing, SessionList) else list_for(context)


@register.simple_tag(takes_context=True)
def session_cells(context: Context, row: SessionRow) -> SafeString:
    """Render the cells of a row."""
    # One tag, and not an include for each cell: that was half of the time of a list.
    cells = []
    with context.push(row=row, session=row.session):
        for column, cell, attributes in row.table.layout:
            if cell:
                content = cell.render(context)
            else:
                content, attributes = row.custom_cell(column)
            cells.append(f'<td {attributes} role="cell">{content}</td>')
    return SafeString("".join(cells))


@register.simple_tag
def session_seen(listing: SessionList) -> str:
    """Have the new devices that the list shows lose their mark in ten minutes."""
    listing.mark_seen()
    return ""


@register.filter
def session_name(session: SessionDetails) -> str:
    """Return what a session is called: *Work laptop*, *Support (Jane)*, or nothing."""
    return text.name(session)


@register.filter
def session_place(session: SessionDetails) -> str:
    """Return where a session is: *Linköping, Sweden*, else *Local network* or the IP address."""
    return text.place(session)


@register.filter
def session_ago(moment: datetime) -> str:
    """Return how long ago that was: *2 minutes ago*."""
    return text.ago(moment, text.local_now())


@register.filter
def session_day(moment: datetime) -> str:
    """Return the day: *Today*, *Yesterday*, or the date."""
    return text.day(moment, text.local_now())


@register.filter
def session_exact(moment: datetime) -> str:
    """Return day, time and time zone."""
    return text.exact(moment, text.local_now())


def request_of(context: Context) -> HttpRequest | None:
    """Return the request that a template is rendered for."""
    return context.get("request") or getattr(context, "request", None)


def list_for(context: Context) -> SessionList | None:
    """Return a list for the signed-in visitor that a template is rendered for."""
    request = request_of(context)
    if request is None or visitor_of(request) is None:
        return None
    return SessionList(request)


def visitor_of(request: HttpRequest) -> Any:
    """Return the user who is signed in, or None."""
    user = getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None


def device_of(value: Any) -> Device:
    """Return the device that a session has recorded, or that a user agent names."""
    if isinstance(value, SessionDetails):
        return Device(*(getattr(value, name) for name in Device._fields))
    return parse_device(str(value or ""))


def place_of(value: Any) -> Place:
    """Return the place that a session has recorded, or that an IP address is in."""
    if isinstance(value, SessionDetails):
        place = Place(*(getattr(value, name) for name in Place._fields))
    else:
        place = locate(str(value) if value else None)
    return text.localized_country(place)
